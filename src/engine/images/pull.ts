import { notImplemented } from '#lib/errors.ts'
import type { ImageRecord } from '#model/image.ts'
import type { ImagesContext } from './context.ts'
import type { OnProgress, PullOptions } from './service.ts'

export async function pull(_ctx: ImagesContext, _options: PullOptions, _onProgress: OnProgress): Promise<ImageRecord> {
  throw notImplemented('pull comes soon')
}
