import type { EngineEvent } from '#model/event.ts'

/** One line of `GET /events`, with the legacy fields that all versions to 1.51 have. */
export function eventLine(event: EngineEvent): string {
  const { Type, Action, Actor, scope, time, timeNano } = event
  const legacy =
    Type === 'container'
      ? { status: Action, id: Actor.ID, from: Actor.Attributes['image'] ?? '' }
      : Type === 'image'
        ? { status: Action, id: Actor.ID }
        : {}
  const head = JSON.stringify({ ...legacy, Type, Action, Actor, scope, time })
  // More digits than a double holds.
  return `${head.slice(0, -1)},"timeNano":${timeNano}}\n`
}
