import { Broadcast } from '#lib/emitter.ts'
import type { Clock } from '#lib/clock.ts'
import type { EngineEvent } from '#model/event.ts'
import { checkFilters, type Filters } from '#model/filters.ts'
import { eventMatches, EVENT_FILTERS } from './event-filters.ts'
import type { EventsService } from './service.ts'

const KEPT = 1024

/** The event hub: keeps the last 1,024 for `since`, hands live ones on in order. */
export class Events implements EventsService {
  readonly #clock: Clock
  readonly #live = new Broadcast<EngineEvent>()
  #kept: EngineEvent[] = []

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** How many listen now (API: `NEventsListener`). */
  get listeners(): number {
    return this.#live.size
  }

  publish(event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>): void {
    const timeNano = this.#clock.nowNano()
    const full: EngineEvent = { ...event, scope: 'local', time: Number(timeNano / 1_000_000_000n), timeNano }
    this.#kept.push(full)
    if (this.#kept.length >= 2 * KEPT) this.#kept = this.#kept.slice(-KEPT)
    this.#live.emit(full)
  }

  /** Subscribes at once; past events come only with `since`. @throws invalid for an unknown filter */
  stream(
    filters: Filters,
    options: { since?: bigint; until?: bigint; signal: AbortSignal },
  ): AsyncIterable<EngineEvent> {
    checkFilters(filters, EVENT_FILTERS)
    const { since, until, signal } = options
    const queue = since === undefined ? [] : this.#kept.filter(event => event.timeNano >= since)
    let wake: (() => void) | undefined
    const unsubscribe = this.#live.subscribe(event => {
      queue.push(event)
      wake?.()
    })
    const stop = new AbortController()
    const over = AbortSignal.any([signal, stop.signal])
    over.addEventListener(
      'abort',
      () => {
        unsubscribe()
        wake?.()
      },
      { once: true },
    )
    if (signal.aborted) unsubscribe()
    if (until !== undefined) this.#endAt(until, stop, over)
    return (async function* () {
      try {
        for (;;) {
          const event = queue.shift()
          if (event) {
            if (until !== undefined && event.timeNano > until) return
            if (eventMatches(event, filters)) yield event
          } else if (over.aborted) return
          else await new Promise<void>(resolve => (wake = resolve))
        }
      } finally {
        stop.abort()
      }
    })()
  }

  #endAt(until: bigint, stop: AbortController, over: AbortSignal): void {
    const left = Number((until - this.#clock.nowNano()) / 1_000_000n)
    if (left <= 0) stop.abort()
    else
      void this.#clock.sleep(left, over).then(
        () => stop.abort(),
        () => {},
      )
  }
}
