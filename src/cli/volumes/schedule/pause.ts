import { defineCommand } from '../../core/command.ts'
import { forEach } from '../../core/each.ts'

export const command = defineCommand({
  usage: 'SCHEDULE [SCHEDULE...]',
  args: [1, Infinity],
  flags: {},
  run: (context, { args }) =>
    forEach(context, args, async id => (await context.client.backups.changeSchedule(id, 'pause')).id),
})
