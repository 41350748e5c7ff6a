import { defineCommand } from '../core/command.ts'
import { table } from '../render/table.ts'

/** Docker's for this command. */
const COLUMN_WIDTH = 20

export const command = defineCommand({
  usage: 'CONTAINER [ps OPTIONS]',
  args: [1, Infinity],
  interspersed: false,
  complete: 'running-container',
  flags: {},
  async run(context, { args }) {
    const [name, ...options] = args
    const { Titles, Processes } = await context.client.containers.top(name!, options.join(' ') || undefined)
    context.stdout.write(table([Titles, ...Processes], context.columns, COLUMN_WIDTH))
  },
})
