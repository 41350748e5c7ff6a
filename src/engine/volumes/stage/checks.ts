import { conflict } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import { mountedBy, namesOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { VolumeDriver } from '../driver.ts'

/** What a stage is made for. */
export interface Staging {
  volume: VolumeRecord
  driver: VolumeDriver
  /** It exists: the content is replaced, and everything else stays as it is. */
  replaces: boolean
  /** Even if there is data. */
  overData: boolean
  validate: boolean
}

/** @throws conflict when the volume is no more the one that the stage was begun for */
export function checkStill(ctx: Context, volume: VolumeRecord, replaces: boolean, except?: string): void {
  const now = ctx.records.get(volume.name)
  if (!replaces) {
    if (now) throw conflict(`create ${volume.name}: a volume named ${volume.name} was made meanwhile`)
    if (except === undefined) checkUnreserved(ctx, volume.name)
    return
  }
  if (now?.createdAt !== volume.createdAt) throw conflict(`replace ${volume.name}: volume was removed meanwhile`)
  // The new content has the size of before.
  if (JSON.stringify(now.options) !== JSON.stringify(volume.options))
    throw conflict(`replace ${volume.name}: volume was changed meanwhile: do it again`)
  checkFree(ctx, volume.name, except)
}

/** @throws conflict naming who has the volume mounted, or that it is being made */
export function checkFree(ctx: Context, name: string, except?: string): void {
  const users = mountedBy(ctx, name, except)
  if (users.length > 0)
    throw conflict(
      `replace ${name}: volume is in use by ${namesOf(ctx, users)}: stop ${users.length > 1 ? 'them' : 'it'} first`,
    )
  if (except === undefined) checkUnreserved(ctx, name)
}

export function checkUnreserved(ctx: Context, name: string): void {
  if (ctx.reserved.has(name)) throw conflict(`create ${name}: a volume named ${name} is just being made`)
}

/** What a file system has by itself is no data. */
export const NO_DATA = ['lost+found']

/** @throws conflict when there is data in the directory */
export async function checkEmpty(
  ctx: Context,
  name: string,
  path: string,
  ours: readonly string[] = [],
): Promise<void> {
  const entries = await ctx.files.list(path)
  if (entries.some(entry => !NO_DATA.includes(entry) && !ours.includes(entry)))
    throw conflict(`replace ${name}: volume has data: replace it with --replace, or choose another name`)
}
