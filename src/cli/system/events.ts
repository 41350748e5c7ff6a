import type { EventMessage } from '#wire/index.ts'
import { apiTime } from '../core/api-time.ts'
import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { compileDocument } from '../render/format.ts'

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
    const show = formatter(flags.format)
    const lines = await context.client.events.lines({
      since: apiTime(flags.since),
      until: apiTime(flags.until),
      filters: flags.filter,
    })
    for await (const line of lines) context.print(show(line))
  },
})

function formatter(format: string): (line: string) => string {
  if (format === 'json' || format === '{{json .}}') return line => line.trim()
  const parse = (line: string) => JSON.parse(line) as EventMessage
  if (format === '') return line => eventLine(parse(line), nanosOf(line))
  const template = compileDocument(format)
  return line => template(parse(line))
}

/** Nanoseconds below the second, exactly. */
function nanosOf(line: string): string {
  return /"timeNano":\s*\d*(\d{9})\b/.exec(line)?.[1] ?? '000000000'
}

/** `2026-01-02T03:04:05.123456789Z container start ID (image=…, name=…)` */
export function eventLine(event: EventMessage, nanos: string): string {
  const attributes = Object.entries(event.Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
  const tail = attributes.length > 0 ? ` (${attributes.join(', ')})` : ''
  return `${localTime(event.time, nanos)} ${event.Type} ${event.Action} ${event.Actor.ID}${tail}`
}

/** RFC 3339 with nanoseconds in the local zone, as Docker prints it. */
function localTime(time: number, nanos: string): string {
  const date = new Date(time * 1000)
  const two = (n: number) => String(n).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  const minutes = Math.abs(offset)
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${nanos}${zone}`
}
