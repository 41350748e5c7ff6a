import { messageOf } from '#lib/errors.ts'
import type { Clock } from '#lib/clock.ts'
import type { Plugins } from '#ports/plugins.ts'
import { readList, readVolume, type RemoteVolume } from './protocol.ts'

/** A volume of a plugin that the engine has no record of. */
export interface ForeignVolume extends RemoteVolume {
  driver: string
}

export interface ForeignVolumes {
  volumes: ForeignVolume[]
  /** One for each plugin that did not answer in time or made no sense. */
  warnings: string[]
}

/** Milliseconds that a list waits for plugins, all together. */
const LIST = 1000
const GET = 2000
/** Milliseconds in which one that failed is not asked again. */
const PAUSE = 15_000
const SHOWN = ['VolumeDriver']

interface Known {
  volumes: RemoteVolume[]
  failedAt?: number
  warning?: string
  /** A question that is still open; another is not asked besides. */
  asking?: Promise<void>
}

/** What plugins have, asked side by side within a second; of those that do not answer, what they said last. */
export class RemoteListing {
  readonly #plugins: Plugins
  readonly #clock: Clock
  readonly #known = new Map<string, Known>()

  constructor(plugins: Plugins, clock: Clock) {
    this.#plugins = plugins
    this.#clock = clock
  }

  async list(): Promise<ForeignVolumes> {
    const names = await this.#plugins.list()
    for (const gone of this.#known.keys()) if (!names.includes(gone)) this.#known.delete(gone)
    await Promise.all(names.map(name => this.#refresh(name)))
    const all = names.flatMap(name => {
      const known = this.#known.get(name)
      return known ? [{ name, known }] : []
    })
    return {
      volumes: all.flatMap(({ name, known }) => known.volumes.map(volume => ({ ...volume, driver: name }))),
      warnings: all.flatMap(({ known }) => known.warning ?? []),
    }
  }

  /** What the engine has removed is not shown again, should the plugin answer no more. */
  removed(plugin: string, volume: string): void {
    const known = this.#known.get(plugin)
    if (known) known.volumes = known.volumes.filter(one => one.name !== volume)
  }

  /** The first plugin that has a volume of this name. */
  async find(volume: string): Promise<ForeignVolume | undefined> {
    const names = (await this.#plugins.list()).filter(name => !this.#pausing(this.#known.get(name)))
    const found = await Promise.all(
      names.map(async driver => {
        try {
          const implemented = await this.#plugins.activate(driver, { timeoutMs: GET })
          if (!implemented.some(one => SHOWN.includes(one))) return undefined
          const answer = await this.#plugins.call(driver, 'VolumeDriver.Get', { Name: volume }, { timeoutMs: GET })
          return { ...readVolume(driver, answer), driver }
        } catch {
          return undefined
        }
      }),
    )
    return found.find(one => one !== undefined)
  }

  async #refresh(name: string): Promise<void> {
    const known = this.#known.get(name) ?? { volumes: [] }
    this.#known.set(name, known)
    if (this.#pausing(known)) return
    known.asking ??= this.#ask(name, known).finally(() => delete known.asking)
    await known.asking
  }

  async #ask(name: string, known: Known): Promise<void> {
    const began = this.#clock.now()
    try {
      const implemented = await this.#plugins.activate(name, { timeoutMs: LIST })
      if (!implemented.some(one => SHOWN.includes(one))) {
        known.volumes = []
      } else {
        const left = Math.max(1, LIST - (this.#clock.now() - began))
        known.volumes = readList(name, await this.#plugins.call(name, 'VolumeDriver.List', {}, { timeoutMs: left }))
      }
      delete known.warning
      delete known.failedAt
    } catch (error) {
      known.failedAt = this.#clock.now()
      known.warning = `volumes of plugin "${name}" are shown as they were last known: ${messageOf(error)}`
    }
  }

  #pausing(known: Known | undefined): boolean {
    return known?.failedAt !== undefined && this.#clock.now() - known.failedAt < PAUSE
  }
}
