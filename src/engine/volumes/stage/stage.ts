import type { VolumeRecord } from '#model/volume.ts'
import { extentOf } from '../context.ts'
import type { Context } from '../context.ts'
import { plannedVolume } from '../planned.ts'
import type { CreateVolume, StagedVolume } from '../service.ts'
import { checkFree } from './checks.ts'
import { stageDirectory } from './directory.ts'
import { stageEntries } from './entries.ts'

/** Two ways: a directory that takes the volume's place as a whole, or entries that are moved within its file system. */
export async function stageVolume(
  ctx: Context,
  request: CreateVolume & { replace: boolean },
  fill?: (beside: VolumeRecord) => Promise<void>,
): Promise<StagedVolume> {
  const existing = ctx.records.get(request.name)
  const { volume, driver } = existing
    ? { volume: existing, driver: ctx.drivers.of(existing) }
    : await plannedVolume(ctx, request)
  checkFree(ctx, volume.name)
  const staging = {
    volume,
    driver,
    replaces: existing !== undefined,
    overData: request.replace,
    validate: request.validate ?? false,
  }
  return extentOf(driver, volume) === 'all' ? stageDirectory(ctx, staging, fill) : stageEntries(ctx, staging)
}
