import { defineCommand, FORMAT_HELP } from '../core/command.ts'
import { printRows, type Listing } from '../render/format.ts'
import { goTimeOf, shortId } from '../render/units.ts'

const LISTING: Listing = {
  headings: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
  },
  columns: ['ID', 'Name', 'Driver', 'Scope'],
  quiet: 'ID',
}

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    filter: { type: 'filter', short: 'f', help: 'Provide filter values (e.g. "driver=bridge")' },
    format: { type: 'string', help: FORMAT_HELP },
    'no-trunc': { type: 'bool', help: 'Do not truncate the output' },
    quiet: { type: 'bool', short: 'q', help: 'Only display network IDs' },
  },
  async run(context, { flags }) {
    const networks = await context.client.networks.list(flags.filter)
    const rows = networks
      .toSorted((a, b) => (a.Name < b.Name ? -1 : a.Name > b.Name ? 1 : 0))
      .map(network => {
        const labels = network.Labels ?? {}
        return {
          ID: flags['no-trunc'] ? network.Id : shortId(network.Id),
          Name: network.Name,
          Driver: network.Driver,
          Scope: network.Scope,
          IPv4: String(network.EnableIPv4 ?? true),
          IPv6: String(network.EnableIPv6),
          Internal: String(network.Internal),
          Labels: Object.entries(labels)
            .map(([key, value]) => `${key}=${value}`)
            .join(','),
          Label: (name: unknown) => labels[String(name)] ?? '',
          CreatedAt: goTimeOf(network.Created),
        }
      })
    printRows(context, rows, LISTING, {
      format: flags.format || (context.config.networksFormat ?? ''),
      quiet: flags.quiet,
    })
  },
})
