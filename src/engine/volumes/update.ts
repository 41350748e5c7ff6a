import { invalid } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { announce, find } from './context.ts'
import type { Context } from './context.ts'
import type { UpdateVolume } from './service.ts'

/** Size first: if there is no room for it, the labels are as they were. */
export function updateVolume(ctx: Context, name: string, change: UpdateVolume): Promise<VolumeRecord> {
  return ctx.locks.run(name, async () => {
    const volume = find(ctx, name)
    if ('' in change.labels) throw invalid(`update ${name}: a label needs a name`)
    // Entries, not assignments: a label may be called `__proto__`.
    const entries = new Map<string, string | null>([...Object.entries(volume.labels), ...Object.entries(change.labels)])
    const labels = Object.fromEntries(
      Array.from(entries).filter((entry): entry is [string, string] => entry[1] !== null),
    )
    const updated = { ...volume, labels, options: await grown(ctx, volume, change.size) }
    ctx.records.put(name, updated)
    announce(ctx, 'update', updated)
    return updated
  })
}

/** A crash before the record is written leaves more room than it says. */
async function grown(ctx: Context, volume: VolumeRecord, size: number | undefined): Promise<Record<string, string>> {
  if (size === undefined) return volume.options
  const driver = ctx.drivers.of(volume)
  if (!driver.grow) throw invalid(`update ${volume.name}: volumes of driver ${volume.driver} have no size to change`)
  if (!Number.isSafeInteger(size) || size <= 0)
    throw invalid(`update ${volume.name}: size ${size} is no number of bytes`)
  return driver.grow(volume, size)
}
