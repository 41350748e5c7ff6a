import type { VolumeRecord } from '#model/volume.ts'
import { directoryOf } from './context.ts'
import type { Context } from './context.ts'

const ANONYMOUS = 'com.docker.volume.anonymous'

/** A volume as it is when its directory bears another name. Who gives it a name of its own makes it a named one. */
export function movedTo(ctx: Context, volume: VolumeRecord, name: string): VolumeRecord {
  if (name === volume.name) return volume
  const [from, to] = [directoryOf(ctx, volume.name), directoryOf(ctx, name)]
  const { [ANONYMOUS]: _, ...labels } = volume.labels
  const mountpoint = volume.mountpoint.startsWith(`${from}/`)
    ? to + volume.mountpoint.slice(from.length)
    : volume.mountpoint
  return { ...volume, name, labels, anonymous: false, mountpoint }
}
