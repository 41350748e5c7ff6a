import { invalid } from '#lib/errors.ts'

/** Options of the `local` driver, understood. */
export interface LocalOptions {
  /** What is mounted on the volume's directory; undefined for a plain directory. */
  device: { type: string; device: string; options: string[] } | undefined
  owner: { uid: number; gid: number } | undefined
  mode: number | undefined
}

const KNOWN = new Set(['type', 'device', 'o', 'size', 'uid', 'gid', 'mode'])

/** @throws invalid naming the option */
export function parseOptions(options: Readonly<Record<string, string>>): LocalOptions {
  for (const option of Object.keys(options)) {
    if (!KNOWN.has(option)) throw invalid(`invalid option: "${option}"`)
  }
  if (options.size !== undefined) throw invalid('quota size requested but no quota support')
  const { type, device } = options
  // As Docker: each of the two needs the other, and `o` needs both.
  if ((device !== undefined || options.o !== undefined) && type === undefined)
    throw invalid('missing required option: "type"')
  if ((type !== undefined || options.o !== undefined) && device === undefined)
    throw invalid('missing required option: "device"')
  const uid = number(options, 'uid', 10)
  const gid = number(options, 'gid', 10)
  return {
    device:
      type === undefined || device === undefined
        ? undefined
        : { type, device, options: (options.o ?? '').split(',').filter(word => word !== '') },
    owner: uid === undefined && gid === undefined ? undefined : { uid: uid ?? 0, gid: gid ?? uid ?? 0 },
    mode: number(options, 'mode', 8),
  }
}

function number(options: Readonly<Record<string, string>>, key: string, base: 8 | 10): number | undefined {
  const text = options[key]
  if (text === undefined) return undefined
  const digits = base === 8 ? /^[0-7]{3,4}$|^0[0-7]{3,4}$/ : /^\d{1,10}$/
  const value = Number.parseInt(text, base)
  if (!digits.test(text) || value > 0xffff_fffe)
    throw invalid(`invalid option: ${key}=${text} is no ${base === 8 ? 'mode such as 0755' : 'numeric id'}`)
  return value
}
