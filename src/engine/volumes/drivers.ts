import { invalid, isKind, messageOf, notFound, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { pluginName } from '#ports/plugins.ts'
import type { Store } from '#ports/store.ts'
import type { Context } from './context.ts'
import type { VolumeDriver, VolumeDrivers } from './driver.ts'
import { LocalDriver } from './local/driver.ts'
import { RemoteDriver, type RemoteDeps } from './remote/driver.ts'
import { type ForeignVolume, type ForeignVolumes, RemoteListing } from './remote/listing.ts'
import { remoteMounts } from './remote/mounts.ts'

/** Docker's names for the driver that is always there. */
export const driverName = (asked: string): string => (asked === '' || asked === 'default' ? 'local' : pluginName(asked))

/** Whether a volume that exists is one of the driver that is asked for. */
export const isOf = (volume: VolumeRecord, driver: string): boolean => volume.driver === driver

/** `local`, and whatever answers to a name: a plugin. */
export class Drivers implements VolumeDrivers {
  readonly #ctx: Context
  readonly #local: VolumeDriver
  readonly #remote: RemoteDeps | undefined

  constructor(ctx: Context, store: Store) {
    this.#ctx = ctx
    this.#local = new LocalDriver(ctx)
    this.#remote = ctx.plugins && {
      plugins: ctx.plugins,
      listing: new RemoteListing(ctx.plugins, ctx.clock),
      mounts: remoteMounts(store),
      scopes: store.repository('plugin-scopes'),
      bootId: ctx.bootId ?? '',
    }
  }

  async find(asked: string, volume: string): Promise<VolumeDriver> {
    const driver = driverName(asked)
    if (driver === 'local') return this.#local
    const lookingUp = `${volume === '' ? 'create' : `create ${volume}`}: error looking up volume plugin ${driver}`
    if (await this.#isPlugin(driver, lookingUp)) return this.#plugin(driver)
    throw notFound(`${lookingUp}: plugin "${driver}" not found`)
  }

  of(volume: VolumeRecord): VolumeDriver {
    return volume.driver === 'local' ? this.#local : this.#plugin(volume.driver)
  }

  async foreign(): Promise<ForeignVolumes> {
    return (await this.#remote?.listing.list()) ?? { volumes: [], warnings: [] }
  }

  async foreignNamed(name: string): Promise<ForeignVolume | undefined> {
    return this.#remote?.listing.find(name)
  }

  async recover(volumes: VolumeRecord[]): Promise<void> {
    try {
      await this.#local.recover?.(volumes.filter(volume => this.of(volume) === this.#local))
    } catch (error) {
      this.#ctx.log.error('what a crash left of volumes could not be mended', { error: messageOf(error) })
    }
  }

  #plugin(name: string): VolumeDriver {
    if (!this.#remote) throw system(`volumes of plugin "${name}" cannot be reached: there are no plugins here`)
    return new RemoteDriver(name, this.#ctx, this.#remote)
  }

  async #isPlugin(name: string, lookingUp: string): Promise<boolean> {
    if (!this.#remote) return false
    try {
      const implemented = await this.#remote.plugins.activate(name)
      if (implemented.includes('VolumeDriver')) return true
      throw invalid(`plugin "${name}" is no volume driver: it implements ${implemented.join(', ') || 'nothing'}`)
    } catch (error) {
      if (isKind(error, 'not-found')) return false
      throw isKind(error, 'invalid')
        ? notFound(`${lookingUp}: ${messageOf(error)}`)
        : system(`${lookingUp}: ${messageOf(error)}`, { cause: error })
    }
  }
}
