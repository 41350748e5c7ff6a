import { conflict, invalid, messageOf, system } from '#lib/errors.ts'
import type { CsiContentSource } from '#ports/csi.ts'
import type { NewVolume } from '../driver.ts'
import { codeOf, type DriverInfo, isUncertain } from './asking.ts'
import { type CsiContext, handleOf, put, secretsFor } from './context.ts'
import { parseCsiOptions } from './options.ts'
import type { CsiVolume } from './state.ts'

/** Lowercase, and short enough for all that drivers use it for. */
const KEY_DIGITS = 32

/**
 * A new volume, or one that the driver has already. What was asked for is written down first: when no answer comes, the volume
 * may exist, and asking again by the same key gives that one.
 */
export async function make(ctx: CsiContext, wanted: NewVolume, source?: CsiContentSource): Promise<CsiVolume> {
  const { name, options } = wanted
  const info = await ctx.asking.info()
  const left = await leftFrom(ctx, wanted, source)
  const volume: CsiVolume = left ?? {
    handle: handleOf(wanted),
    name,
    driver: ctx.asking.driver,
    key: `berth-${ctx.engine.randomHex(KEY_DIGITS)}`,
    life: 'creating',
    options,
    ...(source && { source }),
    volumeId: '',
    ours: true,
    context: {},
    capacity: 0,
    topology: [],
    begun: [],
    done: [],
    publishContext: {},
    nodeId: '',
    bootId: ctx.bootId,
  }
  if (parseCsiOptions(options).volumeId !== undefined) return adopt(ctx, volume, info)
  if (!info.controller.includes('CREATE_DELETE_VOLUME')) {
    throw invalid(
      `csi driver "${ctx.asking.driver}" makes no volumes: name one that exists with -o volume-id= (and what the driver needs to know of it as further options)`,
    )
  }
  put(ctx, volume)
  try {
    return await request(ctx, volume, info)
  } catch (error) {
    // What failed before the driver was asked says nothing of a call that was made earlier.
    if (codeOf(error) === '' ? !left : !isUncertain(error)) ctx.volumes.delete(volume.handle)
    if (!ctx.volumes.get(volume.handle)) throw error
    ctx.later(volume.handle)
    throw system(`${messageOf(error)}; it may have been made: create ${name} again to have it`, { cause: error })
  }
}

/** Of a creation of the same name that nobody heard the end of: what it may have made is this one's, or goes. */
async function leftFrom(ctx: CsiContext, wanted: NewVolume, source?: CsiContentSource): Promise<CsiVolume | undefined> {
  const left = ctx.volumes
    .list()
    .find(({ name, driver, life }) => name === wanted.name && driver === ctx.asking.driver && life === 'creating')
  if (!left) return undefined
  if (!isSame(left, wanted.options, source)) {
    await takeBack(ctx, left)
    return undefined
  }
  const taken = { ...left, handle: handleOf(wanted) }
  ctx.engine.transaction(() => {
    ctx.volumes.delete(left.handle)
    put(ctx, taken)
  })
  return taken
}

async function request(ctx: CsiContext, volume: CsiVolume, info: DriverInfo): Promise<CsiVolume> {
  const { size, capability, snapshotId, own } = parseCsiOptions(volume.options)
  const source = volume.source ?? (snapshotId === undefined ? undefined : { snapshot: { snapshot_id: snapshotId } })
  const here = info.plugin.includes('VOLUME_ACCESSIBILITY_CONSTRAINTS') ? info.topology : undefined
  const { volume: made } = await ctx.asking.ask('Controller.CreateVolume', {
    name: volume.key,
    ...(size !== undefined && { capacity_range: { required_bytes: size } }),
    volume_capabilities: [capability],
    parameters: own,
    secrets: await secretsFor(ctx, volume.options),
    ...(source && { volume_content_source: source }),
    ...(here && { accessibility_requirements: { requisite: [here], preferred: [here] } }),
  })
  if (!made || made.volume_id === '')
    throw system(`csi driver "${ctx.asking.driver}" answers CreateVolume wrongly: the volume has no id`)
  const created = put(ctx, {
    ...volume,
    life: 'created',
    volumeId: made.volume_id,
    context: made.volume_context,
    capacity: made.capacity_bytes,
    topology: made.accessible_topology,
    ...(!source && { fresh: true as const }),
  })
  const problem = misfit(created, size, here?.segments)
  if (problem !== undefined) {
    await unmake(ctx, created)
    throw system(`csi driver "${ctx.asking.driver}" has made a volume that ${problem}: it is deleted again`)
  }
  return created
}

/** @returns what is wrong with what was made */
function misfit({ capacity, topology }: CsiVolume, size?: number, here?: Record<string, string>): string | undefined {
  if (size !== undefined && capacity > 0 && capacity < size) return `has ${capacity} bytes instead of ${size}`
  if (!here || topology.length === 0) return undefined
  const reachable = topology.some(({ segments }) =>
    Object.entries(segments).every(([key, value]) => here[key] === value),
  )
  return reachable ? undefined : `this machine cannot reach (${JSON.stringify(topology)})`
}

/** Options that are not ours are what the driver needs to know of a volume that it has not made for us. */
async function adopt(ctx: CsiContext, volume: CsiVolume, info: DriverInfo): Promise<CsiVolume> {
  const { volumeId, capability, own } = parseCsiOptions(volume.options)
  const id = volumeId!
  const other = ctx.volumes.list().find(one => one.driver === volume.driver && one.volumeId === id)
  if (other) throw conflict(`volume ${id} of csi driver "${volume.driver}" is here already, as ${other.name}`)
  if (info.plugin.includes('CONTROLLER_SERVICE')) {
    const { confirmed, message } = await ctx.asking
      .ask('Controller.ValidateVolumeCapabilities', {
        volume_id: id,
        volume_context: own,
        volume_capabilities: [capability],
        parameters: {},
        secrets: await secretsFor(ctx, volume.options),
      })
      .catch((error: unknown) => {
        if (codeOf(error) === 'UNIMPLEMENTED') return { confirmed: {}, message: '' }
        throw error
      })
    if (!confirmed)
      throw invalid(
        `csi driver "${volume.driver}" cannot give volume ${id} as asked (fstype, o, access): ${message || 'it says no more'}`,
      )
  }
  return put(ctx, { ...volume, life: 'created', volumeId: id, ours: false, context: own })
}

/** Deletes it, unless it was there before us. Gone already is success. */
export async function unmake(ctx: CsiContext, volume: CsiVolume): Promise<void> {
  const going = put(ctx, { ...volume, life: 'deleting' })
  if (going.ours && going.volumeId !== '') {
    await ctx.asking
      .ask('Controller.DeleteVolume', { volume_id: going.volumeId, secrets: await secretsFor(ctx, going.options) })
      .catch((error: unknown) => {
        if (codeOf(error) === 'NOT_FOUND') return
        // It says no: the volume is as it was.
        if (codeOf(error) !== '' && !isUncertain(error)) put(ctx, volume)
        throw error
      })
  }
  ctx.volumes.delete(volume.handle)
}

/** Of a creation that nobody heard the end of: only asking again by its key tells the id, which is then deleted. */
export async function takeBack(ctx: CsiContext, volume: CsiVolume): Promise<void> {
  let made = volume
  if (volume.life === 'creating') {
    try {
      made = await request(ctx, volume, await ctx.asking.info())
    } catch (error) {
      // Only its own word that there is none, and will be none, ends it.
      if (codeOf(error) === '' || isUncertain(error)) throw error
      ctx.volumes.delete(volume.handle)
      return
    }
  }
  await unmake(ctx, made)
}

function isSame(left: CsiVolume, options: object, source?: CsiContentSource): boolean {
  return JSON.stringify(left.source) === JSON.stringify(source) && sorted(left.options) === sorted(options)
}

const sorted = (options: object): string => JSON.stringify(Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1)))
