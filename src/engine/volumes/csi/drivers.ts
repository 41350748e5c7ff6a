import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Csi } from '#ports/csi.ts'
import type { Repository, Store } from '#ports/store.ts'
import { announce } from '../context.ts'
import type { Context } from '../context.ts'
import { Asking, type DriverInfo } from './asking.ts'
import { type CsiContext, handleOf } from './context.ts'
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
    for (const volume of this.#volumes.list()) {
      if (volume.life === 'deleting' || !this.#isOwned(volume)) void this.#settle(volume.handle)
    }
    for (const record of records) {
      if (record.driver.startsWith(CSI) && !this.#volumes.get(handleOf(record))) this.#gone(record)
    }
  }

  /** Whether somebody has it: a volume, one in the trash, or one that the engine is about to make or give back. */
  #isOwned({ handle, driver }: CsiVolume): boolean {
    const { records, trash, changes } = this.#engine
    const isIt = (record: VolumeRecord) => record.driver === CSI + driver && handleOf(record) === handle
    return (
      records.list().some(isIt) ||
      trash.list().some(entry => isIt(entry.volume)) ||
      changes.list().some(change => isIt(change.volume))
    )
  }

  async #later(handle: string): Promise<void> {
    for (let pause = LATER, times = 0; times < 8; pause *= 2, times++) {
      await this.#engine.clock.sleep(pause)
      if (this.#volumes.get(handle)?.life !== 'creating') return
      await this.#settle(handle)
    }
  }

  async #settle(handle: string): Promise<void> {
    const { locks, records, log } = this.#engine
    const name = this.#volumes.get(handle)?.name ?? ''
    try {
      await locks.run(name, async () => {
        const volume = this.#volumes.get(handle)
        if (!volume) return
        const { ctx } = this.#of(volume.driver)
        if (volume.life === 'deleting') {
          await unmake(ctx, volume)
          const record = records.list().find(one => one.driver === CSI + volume.driver && handleOf(one) === handle)
          if (record) this.#gone(record)
        } else if (!this.#isOwned(volume)) {
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
        later: handle => void this.#later(handle),
      }
      known = { ctx, driver: new CsiDriver(ctx) }
      this.#drivers.set(name, known)
    }
    return known
  }
}
