import type { EgressStatus } from '#wire/index.ts'
import { defineCommand, unsupportedFormat } from '../core/command.ts'
import { table } from '../render/table.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [CONTAINER]',
  args: [0, 1],
  complete: 'container',
  description: `Show what containers may reach outside, and what was dropped

Lists running containers with an egress policy, of their own or of a network. Traffic must
pass every policy that is shown. Names are followed through the answers of DNS: each is
shown with the addresses that it opened.`,
  flags: {
    format: {
      type: 'string',
      default: 'table',
      help: 'Format the output. Values: [table | json]',
      complete: ['table', 'json'],
    },
  },
  async run(context, { args, flags }) {
    if (flags.format !== 'json' && flags.format !== 'table') throw unsupportedFormat(flags.format, ['table', 'json'])
    const list = await context.client.networks.egress(args[0])
    if (flags.format === 'json') context.print(JSON.stringify(list, null, 2))
    else context.stdout.write(render(list))
  },
})

function render(list: readonly EgressStatus[]): string {
  const rows = list.flatMap(({ name, policies, droppedPackets }) =>
    policies.map(({ of, policy }, index) =>
      index === 0 ? [name, of, String(droppedPackets), policy] : ['', of, '', policy],
    ),
  )
  const names = list.flatMap(one =>
    one.names.map(({ name, addresses }) => [one.name, name, addresses.map(each => each.address).join(', ') || '-']),
  )
  const dropped = list.flatMap(one =>
    one.dropped.map(({ destination, protocol, port, packets, secondsAgo }) => {
      const host = destination.includes(':') && port > 0 ? `[${destination}]` : destination
      return [one.name, `${host}${port > 0 ? `:${port}` : ''}/${protocol}`, String(packets), ago(secondsAgo)]
    }),
  )
  return [
    table([['CONTAINER', 'POLICY OF', 'DROPPED', 'POLICY'], ...rows]),
    ...(names.length > 0 ? [table([['CONTAINER', 'NAME', 'ADDRESSES'], ...names])] : []),
    ...(dropped.length > 0 ? [table([['CONTAINER', 'DESTINATION', 'PACKETS DROPPED', 'LAST'], ...dropped])] : []),
  ].join('\n')
}

const ago = (seconds: number) => (seconds < 90 ? `${seconds}s ago` : `${Math.round(seconds / 60)}m ago`)
