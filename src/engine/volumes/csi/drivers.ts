import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Csi } from '#ports/csi.ts'
import type { Repository, Store } from '#ports/store.ts'
import { announce } from '../context.ts'
import type { Context } from '../context.ts'
import { Asking, type DriverInfo } from './asking.ts'
import type { CsiContext } from './context.ts'
import { CSI, CsiDriver } from './driver.ts'
import { takeBack, unmake } from './make.ts'
import type { CsiVolume } from './state.ts'
import { takeDown } from './way.ts'

/** Milliseconds until a creation that nobody heard the end of is taken back for the first time. */
const LATER = 60_000

/** The CSI drivers by name, each one's knowledge kept while the daemon runs. */
export class CsiDrivers {
  readonly #engine: Context
  readonly #csi: Csi
  readonly #volumes: Repository<CsiVolume>
  readonly #infos: Repository<DriverInfo>
  readonly #bootId: string
  readonly #drivers = new Map<string, { ctx: CsiContext; driver: CsiDriver }>()

  constructor(engine: Context, csi: Csi, store: Store, bootId: string) {
    this.#engine = engine
    this.#csi = csi
    this.#volumes = store.repository<CsiVolume>('csi-volumes')
    this.#infos = store.repository<DriverInfo>('csi-drivers')
    this.#bootId = bootId
  }

  has(name: string): Promise<boolean> {
    return this.#csi.has(name)
  }

  /** Whether it is there or not. */
  get(name: string): CsiDriver {
    return this.#of(name).driver
  }

  /**
   * Finishes what a crash cut short: creations are taken back and deletions completed. Nobody waits for it: a driver that does
   * not answer must not keep the daemon from starting.
   */
  recover(records: readonly VolumeRecord[]): void {
    for (const { name, driver } of this.#volumes.list()) {
      const record = records.find(one => one.name === name && one.driver === CSI + driver)
      if (!record || this.#volumes.get(name)?.life === 'deleting') void this.#settle(name)
    }
    for (const record of records) {
      if (record.driver.startsWith(CSI) && !this.#volumes.get(record.name)) this.#gone(record)
    }
  }

  async #later(name: string): Promise<void> {
    const key = this.#volumes.get(name)?.key
    for (let pause = LATER, times = 0; times < 8; pause *= 2, times++) {
      await this.#engine.clock.sleep(pause)
      const volume = this.#volumes.get(name)
      if (volume?.key !== key || volume?.life !== 'creating') return
      await this.#settle(name)
    }
  }

  async #settle(name: string): Promise<void> {
    const { locks, records, changes, log } = this.#engine
    try {
      await locks.run(name, async () => {
        const volume = this.#volumes.get(name)
        // The engine itself is about to make or give back this one.
        if (!volume || changes.list().some(change => change.volume.name === name)) return
        const record = records.get(name)
        const { ctx } = this.#of(volume.driver)
        if (volume.life === 'deleting') {
          await unmake(ctx, volume)
          if (record?.driver === CSI + volume.driver) this.#gone(record)
        } else if (record?.driver !== CSI + volume.driver) {
          await takeDown(ctx, volume)
          await takeBack(ctx, volume)
        }
      })
    } catch (error) {
      log.warn('what a crash left with a csi driver is still there: it is tried again at the next start', {
        volume: name,
        error: messageOf(error),
      })
    }
  }

  /** The driver has deleted it, and a crash kept the record. */
  #gone(record: VolumeRecord): void {
    this.#engine.records.delete(record.name)
    announce(this.#engine, 'destroy', record)
  }

  #of(name: string) {
    let known = this.#drivers.get(name)
    if (!known) {
      const asking = new Asking(name, { csi: this.#csi, clock: this.#engine.clock, infos: this.#infos })
      const ctx: CsiContext = {
        engine: this.#engine,
        asking,
        volumes: this.#volumes,
        bootId: this.#bootId,
        later: volume => void this.#later(volume),
      }
      known = { ctx, driver: new CsiDriver(ctx) }
      this.#drivers.set(name, known)
    }
    return known
  }
}
