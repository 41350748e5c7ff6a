import { messageOf } from '#lib/errors.ts'
import type { CsiStaging } from '#ports/csi.ts'
import { directoryOf } from '../context.ts'
import { codeOf, type DriverInfo } from './asking.ts'
import { type CsiContext, put, secretsFor, stagingOf, targetOf } from './context.ts'
import { parseCsiOptions } from './options.ts'
import { begin, type CsiVolume, doubt, finish, onBoot, type Step, stepsDown, stepsUp, undone } from './state.ts'

/** Brings a volume to where containers see it; steps that were done already are not made again. */
export async function bringUp(ctx: CsiContext, known: CsiVolume, name: string): Promise<void> {
  let volume = onBoot(known, ctx.bootId)
  // It may have another name than when it was last up.
  if (volume.begun.length === 0) volume = { ...volume, name }
  const isThere = ctx.engine.mounts.isMounted(targetOf(ctx, volume.name))
  // Somebody took the mount away: publishing again is allowed at any time.
  if (!isThere) volume = doubt(volume, 'publish')
  if (volume.done.includes('publish')) return
  const before = volume.begun
  const info = await ctx.asking.info()
  const wanted: Step[] = ['publish']
  if (info.controller.includes('PUBLISH_UNPUBLISH_VOLUME')) wanted.push('attach')
  if (info.node.includes('STAGE_UNSTAGE_VOLUME')) wanted.push('stage')
  try {
    for (const step of stepsUp(volume, wanted)) {
      // Which machine it was given to is known also when no answer comes.
      volume = put(ctx, { ...begin(volume, step), ...(step === 'attach' && { nodeId: info.nodeId }) })
      volume = { ...volume, ...(await forward(ctx, volume, step, info)) }
      volume = put(ctx, finish(volume, step))
    }
    if (volume.fresh) volume = await emptied(ctx, volume)
    if (volume.expandTo !== undefined) await expandHere(ctx, volume)
  } catch (error) {
    // What this attempt has begun goes back, as far as the driver lets it; the rest is remembered.
    const mine = volume.begun.filter(step => !before.includes(step))
    await takeDown(ctx, volume, mine, { once: true }).catch((undo: unknown) =>
      ctx.engine.log.warn('a volume is still with its csi driver', { volume: volume.name, error: messageOf(undo) }),
    )
    throw error
  }
}

/**
 * A new ext4 has `lost+found`, and is empty to everybody who asks whether to fill a volume: copy-up, databases. fsck(8) makes it
 * anew when it needs it.
 */
async function emptied(ctx: CsiContext, made: CsiVolume): Promise<CsiVolume> {
  const { fresh: _, ...volume } = made
  const { files } = ctx.engine
  const directory = targetOf(ctx, volume.name)
  const entries = await files.list(directory).catch(() => [])
  if (entries.length === 1 && entries[0] === 'lost+found' && (await files.isEmptyDirectory(`${directory}/lost+found`)))
    await files.remove(`${directory}/lost+found`).catch(() => {})
  return put(ctx, volume)
}

/** Takes back what has been begun, last first: all of it, or the steps named. */
export async function takeDown(
  ctx: CsiContext,
  known: CsiVolume,
  only: readonly Step[] = known.begun,
  how: { once?: boolean } = {},
): Promise<void> {
  let volume = onBoot(known, ctx.bootId)
  for (const step of stepsDown(volume).filter(one => only.includes(one))) {
    volume = put(ctx, doubt(volume, step))
    await backward(ctx, volume, step, how)
    volume = put(ctx, undone(volume, step))
  }
}

async function forward(ctx: CsiContext, volume: CsiVolume, step: Step, info: DriverInfo): Promise<Partial<CsiVolume>> {
  const { engine, asking } = ctx
  const { capability, readonly } = parseCsiOptions(volume.options)
  const secrets = await secretsFor(ctx, volume.options)
  if (step === 'attach') {
    const { publish_context: publishContext } = await asking.ask('Controller.ControllerPublishVolume', {
      volume_id: volume.volumeId,
      node_id: info.nodeId,
      volume_capability: capability,
      readonly: readonly && info.controller.includes('PUBLISH_READONLY'),
      secrets,
      volume_context: volume.context,
    })
    return { publishContext }
  }
  const staging: CsiStaging = {
    volume_id: volume.volumeId,
    publish_context: volume.publishContext,
    staging_target_path: info.node.includes('STAGE_UNSTAGE_VOLUME') ? stagingOf(ctx, volume.handle) : '',
    volume_capability: capability,
    secrets,
    volume_context: volume.context,
  }
  if (step === 'stage') {
    await engine.files.makeDirectory(staging.staging_target_path, { mode: 0o750 })
    await asking.ask('Node.NodeStageVolume', staging)
    return {}
  }
  await engine.files.makeDirectory(directoryOf(engine, volume.name), { mode: 0o701 })
  await asking.ask('Node.NodePublishVolume', { ...staging, target_path: targetOf(ctx, volume.name), readonly })
  return {}
}

async function backward(ctx: CsiContext, volume: CsiVolume, step: Step, how: { once?: boolean }): Promise<void> {
  const { engine, asking } = ctx
  const volume_id = volume.volumeId
  const target = targetOf(ctx, volume.name)
  const staging = stagingOf(ctx, volume.handle)
  try {
    if (step === 'publish') await asking.ask('Node.NodeUnpublishVolume', { volume_id, target_path: target }, how)
    else if (step === 'stage')
      await asking.ask('Node.NodeUnstageVolume', { volume_id, staging_target_path: staging }, how)
    else {
      const secrets = await secretsFor(ctx, volume.options)
      await asking.ask('Controller.ControllerUnpublishVolume', { volume_id, node_id: volume.nodeId, secrets }, how)
    }
  } catch (error) {
    // The volume is not there at all: so it is not here either.
    if (codeOf(error) !== 'NOT_FOUND') throw error
  }
  // Some leave their directories, and some their mounts.
  if (step === 'attach') return
  const path = step === 'publish' ? target : staging
  await engine.mounts.unmount(path)
  await engine.files.remove(step === 'publish' ? target : staging.slice(0, staging.lastIndexOf('/')))
}

/** Lets the file system take the room that the volume has got. */
export async function expandHere(ctx: CsiContext, volume: CsiVolume): Promise<CsiVolume> {
  if (volume.expandTo === undefined) return volume
  const staged = volume.done.includes('stage')
  await ctx.asking.ask('Node.NodeExpandVolume', {
    volume_id: volume.volumeId,
    volume_path: targetOf(ctx, volume.name),
    capacity_range: { required_bytes: volume.expandTo },
    staging_target_path: staged ? stagingOf(ctx, volume.handle) : '',
    volume_capability: parseCsiOptions(volume.options).capability,
    secrets: await secretsFor(ctx, volume.options),
  })
  const { expandTo, ...rest } = volume
  return put(ctx, { ...rest, capacity: Math.max(rest.capacity, expandTo ?? 0) })
}
