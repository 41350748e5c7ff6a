import type { EventMessage } from '#wire/index.ts'
import { apiTime } from '../core/api-time.ts'
import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { compileDocument } from '../render/format.ts'
import { goJson } from '../template/print.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    filter: { type: 'filter', short: 'f', help: 'Filter output based on conditions provided' },
    format: { type: 'string', help: INSPECT_FORMAT_HELP },
    since: { type: 'string', help: 'Show all events created since timestamp' },
    until: { type: 'string', help: 'Stream events until this timestamp' },
  },
  async run(context, { flags }) {
    const show = flags.format === '' ? eventLine : flags.format === 'json' ? goJson : compileDocument(flags.format)
    const events = await context.client.events.stream({
      since: apiTime(flags.since),
      until: apiTime(flags.until),
      filters: flags.filter,
    })
    for await (const event of events) context.print(show(event as EventMessage & Record<string, unknown>))
  },
})

/** `2026-01-02T03:04:05.123456789Z container start ID (image=…, name=…)` */
export function eventLine(event: EventMessage): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  const tail = attributes.length > 0 ? ` (${attributes.join(', ')})` : ''
  return `${localTime(event)} ${event.Type} ${event.Action} ${event.Actor.ID}${tail}`
}

/** RFC 3339 with nanoseconds in the local zone, as Docker prints it. */
function localTime({ time, timeNano }: EventMessage): string {
  const date = new Date(time * 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  const nanos = timeNano ? String(BigInt(timeNano) % 1_000_000_000n).padStart(9, '0') : '000000000'
  const offset = -date.getTimezoneOffset()
  const minutes = Math.abs(offset)
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${nanos}${zone}`
}
