import { directoryOf } from '../context.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { NewVolume, VolumeDriver } from '../driver.ts'
import { copyOf } from './clone.ts'
import { type CsiContext, known, targetOf } from './context.ts'
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
    return targetOf(this.#ctx, volume.name)
  }

  async attach({ name }: VolumeRecord): Promise<string> {
    await bringUp(this.#ctx, known(this.#ctx, name))
    return targetOf(this.#ctx, name)
  }

  async detach({ name }: VolumeRecord): Promise<void> {
    const volume = this.#ctx.volumes.get(name)
    if (volume) await takeDown(this.#ctx, volume)
  }

  isAttached({ name }: VolumeRecord): boolean {
    return (this.#ctx.volumes.get(name)?.begun.length ?? 0) > 0
  }

  async discard({ name }: VolumeRecord): Promise<undefined> {
    const volume = this.#ctx.volumes.get(name)
    if (volume) await unmake(this.#ctx, volume)
    await this.#ctx.engine.files.remove(directoryOf(this.#ctx.engine, name))
  }

  forget({ name }: VolumeRecord): void {
    this.#ctx.volumes.delete(name)
  }

  async usage({ name }: VolumeRecord): Promise<number> {
    const { asking, volumes } = this.#ctx
    const volume = volumes.get(name)
    // As the driver last said of itself: a count must not wait for it to say so again.
    if (!volume?.done.includes('publish') || !asking.known?.node.includes('GET_VOLUME_STATS')) return -1
    try {
      const request = { volume_id: volume.volumeId, volume_path: targetOf(this.#ctx, name), staging_target_path: '' }
      const { usage } = await asking.ask('Node.NodeGetVolumeStats', request, { once: true, timeoutMs: STATS })
      return usage.find(({ unit }) => unit === 'BYTES')?.used ?? -1
    } catch {
      return -1
    }
  }

  isPlain(): boolean {
    return false
  }

  grow({ name }: VolumeRecord, bytes: number): Promise<Record<string, string>> {
    return grow(this.#ctx, name, bytes)
  }

  async copyOf(source: VolumeRecord, target: NewVolume): Promise<string | undefined> {
    return (await copyOf(this.#ctx, source, target)) ? targetOf(this.#ctx, target.name) : undefined
  }

  /** From what is remembered: nobody is asked. */
  async status({ name }: VolumeRecord): Promise<Record<string, unknown> | undefined> {
    const volume = this.#ctx.volumes.get(name)
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
}
