import { invalid } from '#lib/errors.ts'

const UNITS = 'kmgtp'

/** Bytes of `10G`, `1.5g`, `100MiB`, `512m`, `4096`: binary multiples, as Docker reads sizes. @throws invalid */
export function parseBytes(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)(?:i?b)?$/i.exec(text)
  const unit = match?.[2]?.toLowerCase() ?? ''
  const value = match ? Number(match[1]) * 1024 ** (unit === '' ? 0 : UNITS.indexOf(unit) + 1) : 0
  if (unit === '' && match?.[1]!.includes('.')) throw wrong(option, text)
  if (!Number.isSafeInteger(Math.floor(value)) || value < 1) throw wrong(option, text)
  return Math.floor(value)
}

const wrong = (option: string, text: string) =>
  invalid(`invalid option: ${option}=${text} is no size such as 10G or 512m`)

/** The shortest exact form: `10G`, `1500M`, `4097`. */
export function shownBytes(bytes: number): string {
  let [value, unit] = [bytes, -1]
  while (unit < UNITS.length - 1 && value % 1024 === 0) [value, unit] = [value / 1024, unit + 1]
  return unit < 0 ? String(value) : `${value}${UNITS[unit]!.toUpperCase()}`
}
