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
    .map(key => `${key} is ${shown(existing.options[key])}, asked for ${shown(options[key])}`)
  if (differences.length > 0)
    throw conflict(
      `create ${existing.name}: a volume named ${existing.name} already exists with other options (${differences.join('; ')}): remove it first, or choose a different volume name`,
    )
}

function shown(value: string | undefined): string {
  return value === undefined ? 'not set' : JSON.stringify(value)
}
