import { messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { type CsiContext, known, secretsFor } from './context.ts'
import { make, unmake } from './make.ts'

/**
 * A copy that the driver makes itself. The target is there, empty, and gives way to one that begins with what the source
 * has: only at its creation can a volume be given a source.
 */
export async function cloneVolume(
  ctx: CsiContext,
  source: VolumeRecord,
  target: VolumeRecord,
): Promise<'snapshot' | undefined> {
  const { controller } = await ctx.asking.info()
  const from = known(ctx, source.name)
  const [canClone, canSnapshot] = ['CLONE_VOLUME', 'CREATE_DELETE_SNAPSHOT'].map(one => controller.includes(one))
  if (!known(ctx, target.name).ours || (!canClone && !canSnapshot)) return undefined
  const again = { name: target.name, options: target.options, labels: target.labels }
  if (canClone) {
    await unmake(ctx, known(ctx, target.name))
    await make(ctx, again, { volume: { volume_id: from.volumeId } })
    return 'snapshot'
  }
  const secrets = await secretsFor(ctx, from.options)
  const { snapshot } = await ctx.asking.ask('Controller.CreateSnapshot', {
    source_volume_id: from.volumeId,
    name: known(ctx, target.name).key,
    secrets,
    parameters: {},
  })
  if (!snapshot || snapshot.snapshot_id === '' || !snapshot.ready_to_use) return undefined
  try {
    await unmake(ctx, known(ctx, target.name))
    await make(ctx, again, { snapshot: { snapshot_id: snapshot.snapshot_id } })
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
  return 'snapshot'
}
