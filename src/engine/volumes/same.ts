import { conflict } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'

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
    .map(key => `${key} is ${shown(key, existing.options[key])}, asked for ${shown(key, options[key])}`)
  if (differences.length > 0)
    throw conflict(
      `create ${existing.name}: a volume named ${existing.name} already exists with other options (${differences.join('; ')}): remove it first, or choose a different volume name`,
    )
}

const SECRET = /pass|secret|token/i

/** Errors are read by others, and logged: what may be a secret is not shown. A comma in a value of `o` is written twice. */
function shown(key: string, value: string | undefined): string {
  if (value === undefined) return 'not set'
  if (SECRET.test(key)) return '…'
  return JSON.stringify(value.replaceAll(/((?:^|,)(?:pass(?:word)?2?|secret)=)(?:,,|[^,])*/g, '$1…'))
}
