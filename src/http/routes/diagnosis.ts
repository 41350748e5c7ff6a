import { invalid } from '#lib/errors.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

/** Berth's own: what of the host stands in the way, and what a container sends and gets. */
export function diagnosisRoutes({ doctor, capture }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/berth/networks/doctor',
      async handle(context) {
        context.json(200, await doctor.examine())
      },
    },
    {
      method: 'GET',
      path: '/berth/containers/{id}/capture',
      async handle(context) {
        const { query, signal } = context
        const format = query.text('format') || 'pcap'
        if (format !== 'pcap' && format !== 'text') throw invalid(`invalid format ${format}: use pcap or text`)
        const question = {
          filter: query.text('filter'),
          interface: query.text('interface') || 'any',
          snaplen: Number(query.text('snaplen') || 0),
          count: Number(query.text('count') || 0),
          format,
        } as const
        const packets = await capture.open(context.param('id'), question, signal)
        await context.send(packets, format === 'pcap' ? 'application/vnd.tcpdump.pcap' : 'text/plain; charset=utf-8')
      },
    },
  ]
}
