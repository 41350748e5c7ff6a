import { conflict, invalid } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'

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

/**
 * Creating a volume again is how clients make sure that it exists; with other options it would silently be another
 * one than they asked for.
 *
 * @throws conflict listing the differences
 */
export function checkSame(existing: VolumeRecord, driver: string, options: Readonly<Record<string, string>>): void {
  if (existing.driver !== driver)
    throw conflict(
      `create ${existing.name}: a volume named ${existing.name} already exists with the ${existing.driver} driver: choose a different volume name`,
    )
  // No options at all means "whatever it is", as `docker run -v NAME:/path` does.
  if (Object.keys(options).length === 0) return
  const keys = Array.from(new Set([...Object.keys(existing.options), ...Object.keys(options)])).sort()
  const differences = keys
    .filter(key => existing.options[key] !== options[key])
    .map(key => `${key} is ${shown(existing.options[key])}, asked for ${shown(options[key])}`)
  if (differences.length > 0)
    throw conflict(
      `create ${existing.name}: a volume named ${existing.name} already exists with other options (${differences.join('; ')}): remove it first, or choose a different volume name`,
    )
}

function shown(value: string | undefined): string {
  return value === undefined ? 'not set' : JSON.stringify(value)
}
