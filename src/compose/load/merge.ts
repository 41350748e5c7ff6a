import type { PartialService } from './service.ts'

/** Lists of which a later file replaces the earlier one. */
const REPLACED = new Set(['command', 'entrypoint', 'test'])

/** What makes two items of a list the same, so that the later one wins. Other lists are joined without repeats. */
const KEYS: Record<string, (item: never) => string> = {
  ports: (port: { host_ip: string; published: string; target: number; protocol: string }) =>
    `${port.host_ip}|${port.published}|${port.target}|${port.protocol}`,
  volumes: (volume: { target: string }) => volume.target,
  configs: (reference: { source: string; target?: string }) => reference.target ?? reference.source,
  secrets: (reference: { source: string; target?: string }) => reference.target ?? reference.source,
  env_file: (file: { path: string }) => file.path,
  devices: (device: string) => device.split(':')[1] ?? device,
}

/** Merges a later file's values over an earlier one's (Compose specification, "Merge"). Neither is changed. */
export function mergeService(base: PartialService, over: PartialService): PartialService {
  return mergeMaps(base, over) as PartialService
}

export function mergeMaps(base: object, over: object): object {
  const result: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(over)) {
    const before = result[key]
    if (Array.isArray(before) && Array.isArray(value) && !REPLACED.has(key))
      result[key] = mergeLists(key, before, value)
    else if (isObject(before) && isObject(value)) result[key] = mergeMaps(before, value)
    else result[key] = value
  }
  return result
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function mergeLists(key: string, base: unknown[], over: unknown[]): unknown[] {
  const keyOf = (KEYS[key] ?? ((item: unknown) => JSON.stringify(item))) as (item: unknown) => string
  const merged = new Map(base.map(item => [keyOf(item), item]))
  for (const item of over) merged.set(keyOf(item), item)
  return [...merged.values()]
}
