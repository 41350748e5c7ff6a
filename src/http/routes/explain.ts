import { invalid } from '#lib/errors.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'

/** Berth's own: why one party can or cannot reach another. */
export function explainRoutes({ explain }: Needs): Route[] {
  return [
    {
      method: 'GET',
      path: '/berth/networks/explain',
      async handle(context) {
        const { query } = context
        const protocol = query.text('protocol') || 'tcp'
        if (protocol !== 'tcp' && protocol !== 'udp') throw invalid(`invalid protocol ${protocol}: use tcp or udp`)
        const port = Number(query.text('port') || 0)
        if (!Number.isInteger(port) || port < 0 || port > 65_535) {
          throw invalid(`invalid port ${query.text('port')}: it must be 1 to 65535`)
        }
        const question = { from: query.text('from'), to: query.text('to'), port, protocol } as const
        context.json(200, await explain.explain(question))
      },
    },
  ]
}
