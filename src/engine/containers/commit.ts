import { applyChanges } from '#engine/images/index.ts'
import type { ContainerConfig } from '#model/config.ts'
import type { ImageRecord } from '#model/image.ts'
import { publish, type Context } from './context.ts'
import { pause, unpause } from './pause.ts'
import type { ContainersService } from './service.ts'

/** `POST /commit`: an image of the container as it is; it is paused meanwhile unless told otherwise. */
export async function commit(
  ctx: Context,
  reference: string,
  options: Parameters<ContainersService['commit']>[1],
): Promise<ImageRecord> {
  const record = ctx.records.find(reference)
  const config: Partial<ContainerConfig> = applyChanges({ ...record.config, ...options.config }, options.changes)
  const freeze = options.pause && record.state.kind === 'running'
  if (freeze) await pause(ctx, record.id)
  try {
    const image = await ctx.images.commit({
      snapshotKey: record.snapshotKey,
      parent: ctx.images.resolve(record.imageId),
      config,
      ...(options.repository ? { reference: `${options.repository}:${options.tag || 'latest'}` } : {}),
      comment: options.comment,
      author: options.author,
      createdBy: [...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])].join(' '),
      containerId: record.id,
    })
    publish(ctx, record, 'commit', { comment: options.comment, imageID: image.id })
    return image
  } finally {
    if (freeze) await unpause(ctx, record.id).catch(() => {})
  }
}
