import { directoryOf } from '../context.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { NewVolume, VolumeDriver, VolumeExtent } from '../driver.ts'
import { copyOf } from './clone.ts'
import { type CsiContext, handleOf, known, targetOf } from './context.ts'
import { grow } from './grow.ts'
import { make, unmake } from './make.ts'
import { parseCsiOptions } from './options.ts'
import { shownState } from './state.ts'
import { bringUp, takeDown } from './way.ts'

/** What records of CSI drivers' volumes have before the driver's name. */
export const CSI = 'csi:'
/** Milliseconds for counting what is used. */
const STATS = 2000

/** A driver that speaks the Container Storage Interface: the vendors' for their disks and shares. */
export class CsiDriver implements VolumeDriver {
  readonly name: string
  /** What lies behind it is not this machine's. */
  readonly scope = 'global'
  readonly usesHandles = true
  readonly #ctx: CsiContext

  constructor(ctx: CsiContext) {
    this.name = CSI + ctx.asking.driver
    this.#ctx = ctx
  }

  check(options: Readonly<Record<string, string>>): void {
    parseCsiOptions(options)
  }

  async create(volume: NewVolume): Promise<string> {
    await make(this.#ctx, volume)
    await this.#makeDirectory(volume)
    return targetOf(this.#ctx, volume.name)
  }

  async attach(record: VolumeRecord): Promise<string> {
    await bringUp(this.#ctx, known(this.#ctx, record), record.name)
    return targetOf(this.#ctx, record.name)
  }

  async detach(record: VolumeRecord): Promise<void> {
    const volume = this.#find(record)
    if (volume) await takeDown(this.#ctx, volume)
  }

  isAttached(record: VolumeRecord): boolean {
    return (this.#find(record)?.begun.length ?? 0) > 0
  }

  async discard(record: VolumeRecord): Promise<undefined> {
    await this.purge(record)
    await this.#ctx.engine.files.remove(directoryOf(this.#ctx.engine, record.name))
  }

  async purge(record: VolumeRecord): Promise<void> {
    const volume = this.#find(record)
    if (volume) await unmake(this.#ctx, volume)
  }

  forget(record: VolumeRecord): void {
    this.#ctx.volumes.delete(handleOf(record))
  }

  /** The driver knows nothing of its name. */
  extent(): VolumeExtent {
    return 'handle'
  }

  async usage(record: VolumeRecord): Promise<number> {
    const { asking } = this.#ctx
    const volume = this.#find(record)
    // As the driver last said of itself: a count must not wait for it to say so again.
    if (!volume?.done.includes('publish') || !asking.known?.node.includes('GET_VOLUME_STATS')) return -1
    try {
      const request = {
        volume_id: volume.volumeId,
        volume_path: targetOf(this.#ctx, record.name),
        staging_target_path: '',
      }
      const { usage } = await asking.ask('Node.NodeGetVolumeStats', request, { once: true, timeoutMs: STATS })
      return usage.find(({ unit }) => unit === 'BYTES')?.used ?? -1
    } catch {
      return -1
    }
  }

  isPlain(): boolean {
    return false
  }

  grow(record: VolumeRecord, bytes: number): Promise<Record<string, string>> {
    return grow(this.#ctx, record, bytes)
  }

  async copyOf(source: VolumeRecord, target: NewVolume): Promise<string | undefined> {
    if (!(await copyOf(this.#ctx, source, target))) return undefined
    await this.#makeDirectory(target)
    return targetOf(this.#ctx, target.name)
  }

  /** From what is remembered: nobody is asked. */
  async status(record: VolumeRecord): Promise<Record<string, unknown> | undefined> {
    const volume = this.#find(record)
    const info = this.#ctx.asking.known
    if (!volume) return undefined
    return {
      Driver: info?.name ?? volume.driver,
      ...(info && { Version: info.version }),
      VolumeId: volume.volumeId,
      State: shownState(volume),
      ...(volume.capacity > 0 && { CapacityBytes: volume.capacity }),
      ...(volume.nodeId !== '' && { NodeId: volume.nodeId }),
      ...(volume.topology.length > 0 && { Topology: volume.topology.map(({ segments }) => segments) }),
      ...(info && { Capabilities: [...info.plugin, ...info.controller, ...info.node] }),
    }
  }

  /** There also while nothing is mounted: renaming it is how a volume is renamed, and put into the trash. */
  #makeDirectory({ name }: NewVolume): Promise<void> {
    return this.#ctx.engine.files.makeDirectory(directoryOf(this.#ctx.engine, name), { mode: 0o701 })
  }

  #find(record: VolumeRecord) {
    return this.#ctx.volumes.get(handleOf(record))
  }
}
