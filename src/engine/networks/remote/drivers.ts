import { pluginName } from '#ports/plugins.ts'
import type { NetworkDriver } from '../driver.ts'
import { type RemoteDeps, RemoteDriver } from './driver.ts'

/** Names that are never a plugin's. */
const NEVER = new Set(['', 'overlay', 'none', 'default'])

/** The drivers of the engine, and for any other name the plugin of that name, whether it is there now or not. */
export class Drivers {
  readonly #own: ReadonlyMap<string, NetworkDriver>
  readonly #deps: RemoteDeps

  constructor(own: readonly NetworkDriver[], deps: RemoteDeps) {
    this.#own = new Map(own.map(driver => [driver.name, driver]))
    this.#deps = deps
  }

  get(name: string): NetworkDriver | undefined {
    const own = this.#own.get(name)
    if (own || NEVER.has(name)) return own
    return new RemoteDriver(pluginName(name), this.#deps)
  }
}
