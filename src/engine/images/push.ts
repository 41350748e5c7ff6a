import { notImplemented } from '#lib/errors.ts'
import type { ImagesContext } from './context.ts'
import type { OnProgress, PullOptions } from './service.ts'

export async function push(_ctx: ImagesContext, _options: PullOptions, _onProgress: OnProgress): Promise<void> {
  throw notImplemented('push comes soon')
}
