import type { EngineEvent } from '#model/event.ts'
import { matchLabels, type Filters } from '#model/filters.ts'

/** Filters that `GET /events` knows. */
export const EVENT_FILTERS = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'label!',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
] as const

/** Values of one key are alternatives, keys add up (API: `GET /events`). */
export function eventMatches(event: EngineEvent, filters: Filters): boolean {
  const any = (key: string, test: (value: string) => boolean) => {
    const values = filters.get(key)
    return !values || values.length === 0 || values.some(test)
  }
  const { ID, Attributes } = event.Actor
  const actorIs = (type: string) => (value: string) =>
    event.Type === type && (ID === value || Attributes['name'] === value || (value.length >= 4 && ID.startsWith(value)))
  const imageIs = (value: string) =>
    event.Type === 'image'
      ? sameImage(ID, value) || sameImage(Attributes['name'] ?? '', value)
      : sameImage(Attributes['image'] ?? '', value)
  // `exec_create` matches `exec_create: CMD`, and `health_status` matches `health_status: healthy`.
  const actionIs = (value: string) => event.Action === value || event.Action.startsWith(`${value}:`)
  return (
    any('container', value => actorIs('container')(value) || Attributes['container'] === value) &&
    any('volume', actorIs('volume')) &&
    any('network', actorIs('network')) &&
    any('plugin', actorIs('plugin')) &&
    any('daemon', actorIs('daemon')) &&
    any('image', imageIs) &&
    any('event', actionIs) &&
    any('type', value => event.Type === value) &&
    any('scope', value => event.scope === value) &&
    !['config', 'node', 'secret', 'service'].some(key => (filters.get(key)?.length ?? 0) > 0) &&
    matchLabels(filters, Attributes)
  )
}

function sameImage(shown: string, wanted: string): boolean {
  const untagged = (name: string) => name.replace(/:[^/:]+$/, '')
  return shown === wanted || (!wanted.startsWith('sha256:') && untagged(shown) === wanted)
}
