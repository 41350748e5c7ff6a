import { conflict, invalid, isKind, messageOf, notFound, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { pluginName } from '#ports/plugins.ts'
import type { Store } from '#ports/store.ts'
import type { Context } from './context.ts'
import { CSI } from './csi/driver.ts'
import { CsiDrivers } from './csi/drivers.ts'
import type { VolumeDriver, VolumeDrivers } from './driver.ts'
import { LocalDriver } from './local/driver.ts'
import { RemoteDriver, type RemoteDeps } from './remote/driver.ts'
import { type ForeignVolume, type ForeignVolumes, RemoteListing } from './remote/listing.ts'
import { remoteMounts } from './remote/mounts.ts'

/** Docker's names for the driver that is always there. */
export const driverName = (asked: string): string => (asked === '' || asked === 'default' ? 'local' : pluginName(asked))

/** Whether a volume that exists is one of the driver that is asked for. */
export const isOf = (volume: VolumeRecord, driver: string): boolean =>
  volume.driver === driver || volume.driver === CSI + driver

/** `local`, and whatever answers to a name: a plugin, or a CSI driver. */
export class Drivers implements VolumeDrivers {
  readonly #ctx: Context
  readonly #local: VolumeDriver
  readonly #remote: RemoteDeps | undefined
  readonly #csi: CsiDrivers | undefined

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
    this.#csi = ctx.csi && new CsiDrivers(ctx, ctx.csi, store, ctx.bootId ?? '')
  }

  async find(asked: string, volume: string): Promise<VolumeDriver> {
    const driver = driverName(asked)
    if (driver === 'local') return this.#local
    const lookingUp = `${volume === '' ? 'create' : `create ${volume}`}: error looking up volume plugin ${driver}`
    if (driver.startsWith(CSI)) {
      const name = driver.slice(CSI.length)
      if (this.#csi && (await this.#csi.has(name))) return this.#csi.get(name)
      throw notFound(
        `${lookingUp}: csi driver "${name}" not found: its socket belongs at csi/${name}.sock in the daemon's exec root`,
      )
    }
    const [isPlugin, isCsi] = await Promise.all([
      this.#isPlugin(driver, lookingUp),
      this.#csi ? this.#csi.has(driver) : false,
    ])
    if (isPlugin && isCsi)
      throw conflict(`${lookingUp}: it is both a volume plugin and a CSI driver: say ${CSI}${driver} for the latter`)
    if (isPlugin) return this.#plugin(driver)
    if (isCsi && this.#csi) return this.#csi.get(driver)
    throw notFound(`${lookingUp}: plugin "${driver}" not found`)
  }

  of(volume: VolumeRecord): VolumeDriver {
    if (volume.driver === 'local') return this.#local
    if (!volume.driver.startsWith(CSI)) return this.#plugin(volume.driver)
    if (this.#csi) return this.#csi.get(volume.driver.slice(CSI.length))
    throw system(`volumes of ${volume.driver} cannot be reached: there are no CSI drivers here`)
  }

  async foreign(): Promise<ForeignVolumes> {
    return (await this.#remote?.listing.list()) ?? { volumes: [], warnings: [] }
  }

  async foreignNamed(name: string): Promise<ForeignVolume | undefined> {
    return this.#remote?.listing.find(name)
  }

  async recover(volumes: VolumeRecord[]): Promise<void> {
    this.#csi?.recover(volumes)
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
