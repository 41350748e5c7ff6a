import { frame } from '#codec/stdcopy.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { Context } from '../context.ts'
import { parseDetachKeys } from '../detach-keys.ts'
import { hijack, type Connection } from '../hijack.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'
import { runSession, writeTo } from '../session.ts'
import { acceptWebsocket, demandWebsocket, type WebsocketRequest } from '../websocket.ts'

const FOREVER = 2n ** 63n - 1n

/** `POST /containers/{id}/attach`, and the same over a WebSocket, where the output has no frames of Docker's. */
export function attachRoutes({ containers, events }: Needs): Route[] {
  return [
    { method: 'POST', path: '/containers/{id}/attach', hijack: true, handle: context => attach(context) },
    {
      method: 'GET',
      path: '/containers/{id}/attach/ws',
      hijack: true,
      handle: context => attach(context, demandWebsocket(context)),
    },
  ]

  async function attach(context: Context, websocket?: WebsocketRequest): Promise<void> {
    const { query } = context
    const detachKeys = parseDetachKeys(query.text('detachKeys'))
    const record = containers.get(context.param('id'))
    const streams = { stdout: query.bool('stdout'), stderr: query.bool('stderr') }
    const tty = record.config.Tty
    const stop = new AbortController()
    // Subscribed before the head goes out and before the log is read: nothing in between is lost.
    const stdin = query.bool('stdin') && record.config.OpenStdin
    const attachment = query.bool('stream')
      ? await containers.attach(record.id, { signal: stop.signal, stdin })
      : undefined
    const connection = websocket ? acceptWebsocket(context, websocket) : hijack(context, { tty })
    try {
      if (query.bool('logs')) await replay(record, { ...streams, unframed: tty || websocket !== undefined }, connection)
      if (!attachment) return connection.finish()
      const end = await runSession(attachment, connection, {
        tty,
        unframed: websocket !== undefined,
        ...streams,
        stdin,
        closeStdin: record.config.StdinOnce,
        detachKeys,
      })
      if (end === 'detached') {
        const Attributes = { ...record.config.Labels, image: record.config.Image, name: record.name }
        events.publish({ Type: 'container', Action: 'detach', Actor: { ID: record.id, Attributes } })
      }
    } catch (error) {
      attachment?.close()
      connection.finish()
      throw error
    } finally {
      stop.abort()
    }
  }

  async function replay(
    record: ContainerRecord,
    { stdout, stderr, unframed }: { stdout: boolean; stderr: boolean; unframed: boolean },
    { output, signal }: Connection,
  ): Promise<void> {
    const lines = await containers.logs(record.id, { stdout, stderr, follow: false, since: 0n, until: FOREVER, signal })
    for await (const { stream, data } of lines) {
      await writeTo(output, unframed ? data : frame(stream, data), signal)
    }
  }
}
