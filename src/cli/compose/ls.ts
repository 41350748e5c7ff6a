import { LABEL } from '#compose/labels.ts'
import { defineCommand } from '../core/command.ts'
import { printRows } from '../render/format.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all stopped Compose projects' },
    filter: { type: 'filter', help: 'Filter output based on conditions provided' },
    format: { type: 'string', default: 'table', help: 'Format the output. Values: [table | json]' },
    quiet: { type: 'bool', short: 'q', help: 'Only display project names' },
  },
  async run(context, input) {
    const { flags } = input
    const found = await context.client.containers.list({ all: true, filters: { label: [LABEL.project] } })
    const projects = new Map<string, { states: Map<string, number>; files: string }>()
    for (const one of found) {
      if (one.State !== 'running' && !flags.all) continue
      const name = one.Labels[LABEL.project]!
      const project = projects.get(name) ?? { states: new Map<string, number>(), files: one.Labels[LABEL.files] ?? '' }
      project.states.set(one.State, (project.states.get(one.State) ?? 0) + 1)
      projects.set(name, project)
    }
    const names = flags.filter['name'] ?? []
    const rows = [...projects]
      .filter(([name]) => names.length === 0 || names.includes(name))
      .map(([Name, { states, files }]) => ({
        Name,
        Status: [...states].map(([state, count]) => `${state}(${count})`).join(', '),
        ConfigFiles: files,
      }))
    const headings = { Name: 'NAME', Status: 'STATUS', ConfigFiles: 'CONFIG FILES' }
    printRows(context, rows, { headings, columns: Object.keys(headings), quiet: 'Name' }, flags)
  },
})
