import { notFound } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Context } from './context.ts'
import type { VolumeDriver, VolumeDrivers } from './driver.ts'
import { LocalDriver } from './local/driver.ts'

/** Docker's names for the driver that is always there. */
export const driverName = (asked: string): string => (asked === '' || asked === 'default' ? 'local' : asked)

/** `local`, and whatever answers to a name. */
export class Drivers implements VolumeDrivers {
  readonly #local: VolumeDriver

  constructor(ctx: Context) {
    this.#local = new LocalDriver(ctx)
  }

  async find(driver: string, volume: string): Promise<VolumeDriver> {
    if (driver === 'local') return this.#local
    const prefix = volume === '' ? 'create' : `create ${volume}`
    throw notFound(`${prefix}: error looking up volume plugin ${driver}: plugin "${driver}" not found`)
  }

  of(_volume: VolumeRecord): VolumeDriver {
    return this.#local
  }
}
