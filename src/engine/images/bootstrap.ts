import { importTar } from './import.ts'
import { targetReference } from './tag.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { BootstrapOptions, OnProgress } from './service.ts'

/** Makes a base image from the distribution's packages and names it. */
export async function bootstrap(
  ctx: ImagesContext,
  options: BootstrapOptions,
  onProgress: OnProgress,
): Promise<ImageRecord> {
  const reference = options.tag ?? options.image
  targetReference(reference)
  const made = await ctx.bootstrap.build(options, line => onProgress({ stream: `${line}\n` }))
  const image = await importTar(ctx, made.rootfs, {
    reference,
    message: 'bootstrapped',
    created: made.created,
    createdBy: made.createdBy,
    config: {
      Env: made.env,
      Cmd: options.cmd ?? (options.entrypoint ? null : made.cmd),
      ...(options.entrypoint ? { Entrypoint: options.entrypoint } : {}),
    },
    ...(options.changes ? { changes: options.changes } : {}),
  })
  return image
}
