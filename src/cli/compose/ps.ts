import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows, type Row } from '../render/format.ts'
import { ago } from '../render/units.ts'
import { containersOf } from './project.ts'
import { publishedPorts } from './ports.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all stopped containers (including those created by the run command)' },
    filter: { type: 'filter', help: 'Filter services by a property (supported filters: status)' },
    format: { type: 'string', help: FORMAT_HELP },
    'no-trunc': { type: 'bool', help: "Don't truncate output" },
    quiet: { type: 'bool', short: 'q', help: 'Only display IDs' },
    services: { type: 'bool', help: 'Display services' },
    status: {
      type: 'list',
      help: 'Filter services by status. Values: [paused | restarting | removing | running | dead | created | exited]',
    },
  },
  async run(context, input) {
    const { flags } = input
    const { containers, name } = await containersOf(context, input, input.args)
    const wanted = [...flags.status, ...(flags.filter['status'] ?? [])]
    const shown = containers.filter(one =>
      wanted.length > 0
        ? wanted.includes(one.state)
        : flags.all || one.state === 'running' || one.state === 'paused' || one.state === 'restarting',
    )
    if (flags.services) {
      for (const service of new Set(shown.map(one => one.service))) context.print(service)
      return
    }
    if (flags.quiet) {
      for (const one of shown) context.print(one.id)
      return
    }
    const summaries = new Map(
      (await context.client.containers.list({ all: true, filters: { id: shown.map(one => one.id) } })).map(one => [
        one.Id,
        one,
      ]),
    )
    const rows: Row[] = shown.flatMap(one => {
      const summary = summaries.get(one.id)
      if (!summary) return []
      const text =
        flags['no-trunc'] || summary.Command.length <= 20 ? summary.Command : `${summary.Command.slice(0, 19)}…`
      return [
        {
          ID: flags['no-trunc'] ? one.id : one.id.slice(0, 12),
          Name: one.name,
          Image: one.image,
          Command: JSON.stringify(text),
          Service: one.service,
          Project: name,
          CreatedAt: new Date(one.created * 1000).toISOString(),
          RunningFor: ago(one.created * 1000),
          State: one.state,
          Status: one.status,
          Health: /\((healthy|unhealthy|health: starting)\)/.exec(one.status)?.[1]?.replace('health: ', '') ?? '',
          ExitCode: Number(/^Exited \((\d+)\)/.exec(one.status)?.[1] ?? 0),
          Names: one.name,
          Networks: one.networks.join(','),
          Mounts: summary.Mounts.map(mount => mount.Name ?? mount.Source).join(','),
          LocalVolumes: String(summary.Mounts.filter(mount => mount.Driver === 'local').length),
          Size: '0B',
          Publishers: summary.Ports.map(port => ({
            URL: port.IP ?? '',
            TargetPort: port.PrivatePort,
            PublishedPort: port.PublicPort ?? 0,
            Protocol: port.Type,
          })),
          Ports: publishedPorts(summary.Ports),
          Labels: Object.entries(summary.Labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
        },
      ]
    })
    const headings = {
      ID: 'CONTAINER ID',
      Name: 'NAME',
      Image: 'IMAGE',
      Command: 'COMMAND',
      Service: 'SERVICE',
      RunningFor: 'CREATED',
      Status: 'STATUS',
      State: 'STATE',
      Ports: 'PORTS',
    }
    const columns = ['Name', 'Image', 'Command', 'Service', 'RunningFor', 'Status', 'Ports']
    printRows(context, rows, { headings, columns }, { format: flags.format })
  },
})
