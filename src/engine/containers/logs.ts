import { notImplemented } from '#lib/errors.ts'
import { isAlive } from '#model/container-state.ts'
import type { LogLine } from '#ports/logs.ts'
import type { Context } from './context.ts'
import type { LogRequest } from './service.ts'

/** `GET /containers/{id}/logs`. @throws not-implemented for the driver `none`, in Docker's words */
export async function logs(ctx: Context, reference: string, request: LogRequest): Promise<AsyncIterable<LogLine>> {
  const record = ctx.records.find(reference)
  if (!record.logPath) throw notImplemented('configured logging driver does not support reading')
  const live = ctx.live.of(record.id)
  const runs = isAlive(record.state) || record.state.kind === 'starting'
  const lines = ctx.logs.read(record.logPath, {
    follow: request.follow,
    since: request.since,
    until: request.until,
    ...(request.tail === undefined ? {} : { tail: request.tail }),
    signal: request.signal,
    ended: runs ? (live.runEnded ??= Promise.withResolvers<void>()).promise : Promise.resolve(),
  })
  return only(lines, request)
}

async function* only(lines: AsyncIterable<LogLine>, request: LogRequest): AsyncGenerator<LogLine> {
  for await (const line of lines) if (request[line.stream]) yield line
}
