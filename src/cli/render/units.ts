const DECIMAL = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB']
const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB', 'ZiB', 'YiB']

/** Go's `%.Ng`: N significant digits, no trailing zeros. */
function significant(value: number, digits: number): string {
  const text = value.toPrecision(digits)
  if (!text.includes('e')) return String(Number(text))
  return text.replace(/\.?0*e\+?(-?)(\d)$/, 'e+$10$2')
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes
  let unit = 0
  for (; Math.abs(value) >= base && unit < units.length - 1; unit++) value /= base
  return significant(value, digits) + units[unit]!
}

/** `1.234MB`, base 1000. */
export function humanSize(bytes: number, digits = 4): string {
  return scaled(bytes, 1000, DECIMAL, digits)
}

/** `1.234MiB`, base 1024. */
export function bytesSize(bytes: number): string {
  return scaled(bytes, 1024, BINARY, 4)
}

/** `3 seconds`, `About a minute`, `2 weeks`, as Docker says it. @param ms milliseconds */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000)
  if (seconds < 1) return 'Less than a second'
  if (seconds === 1) return '1 second'
  if (seconds < 60) return `${seconds} seconds`
  const minutes = Math.trunc(seconds / 60)
  if (minutes === 1) return 'About a minute'
  if (minutes < 60) return `${minutes} minutes`
  const exact = ms / 3_600_000
  const hours = Math.trunc(exact + 0.5)
  if (hours === 1) return 'About an hour'
  if (hours < 48) return `${hours} hours`
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`
  return `${Math.trunc(exact / 24 / 365)} years`
}

/** `5 minutes ago`. @param time milliseconds since the epoch */
export function ago(time: number, now = Date.now()): string {
  return `${humanDuration(now - time)} ago`
}

/** The same of an RFC 3339 text, with what it has below a second. */
export function goTimeOf(text: string): string {
  const fraction = /\.(\d+)/.exec(text)?.[1]?.replace(/0+$/, '') ?? ''
  const shown = goTime(Date.parse(text))
  return fraction === '' ? shown : `${shown.slice(0, 19)}.${fraction}${shown.slice(19)}`
}

/** Go's time.String in the local zone, as `{{.CreatedAt}}` shows it: `2026-01-02 15:04:05 +0000 UTC`. */
export function goTime(time: number): string {
  const date = new Date(time)
  const two = (n: number) => String(n).padStart(2, '0')
  const offset = -date.getTimezoneOffset()
  const sign = offset < 0 ? '-' : '+'
  const zone = `${sign}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`
  const name = offset === 0 ? 'UTC' : zoneName(date)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone} ${name}`
}

function zoneName(date: Date): string {
  const part = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' })
    .formatToParts(date)
    .find(item => item.type === 'timeZoneName')
  return part?.value ?? ''
}

/** Cuts to `width` columns with an ellipsis, as Docker does. */
export function ellipsis(text: string, width: number): string {
  const characters = Array.from(text)
  if (characters.length <= width) return text
  return width <= 1 ? characters.slice(0, width).join('') : `${characters.slice(0, width - 1).join('')}…`
}

/** Docker's short form of an id: 12 digits, without the algorithm. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12)
}
