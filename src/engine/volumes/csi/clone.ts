import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { NewVolume } from '../driver.ts'
import { type CsiContext, known, secretsFor } from './context.ts'
import { make } from './make.ts'

/** A volume that the driver begins with what another one has: only at its creation can it be given a source. */
export async function copyOf(ctx: CsiContext, source: VolumeRecord, target: NewVolume): Promise<boolean> {
  const { controller } = await ctx.asking.info()
  const from = known(ctx, source)
  if (controller.includes('CLONE_VOLUME')) {
    await make(ctx, target, { volume: { volume_id: from.volumeId } })
    return true
  }
  if (!controller.includes('CREATE_DELETE_SNAPSHOT')) return false
  const secrets = await secretsFor(ctx, from.options)
  const { snapshot } = await ctx.asking.ask('Controller.CreateSnapshot', {
    source_volume_id: from.volumeId,
    // A snapshot that a crash leaves is taken again by the next attempt.
    name: `berth-copy-of-${from.key.replace(/^berth-/, '')}`,
    secrets,
    parameters: {},
  })
  if (!snapshot || snapshot.snapshot_id === '') return false
  try {
    if (!snapshot.ready_to_use) return false
    await make(ctx, target, { snapshot: { snapshot_id: snapshot.snapshot_id } })
    return true
  } finally {
    await ctx.asking
      .ask('Controller.DeleteSnapshot', { snapshot_id: snapshot.snapshot_id, secrets })
      .catch((error: unknown) =>
        ctx.engine.log.warn('a snapshot is left with its csi driver', {
          snapshot: snapshot.snapshot_id,
          error: messageOf(error),
        }),
      )
  }
}
