import { rfc3339Nano } from '#lib/clock.ts'
import { BerthError, invalid, isKind } from '#lib/errors.ts'
import type { Rollback } from '#lib/rollback.ts'
import type { ContainerConfig, EndpointRequest, HostConfig } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'
import type { ImageRecord } from '#model/image.ts'
import { directoryOf, publish, rollbackFor, type Context } from '../context.ts'
import { parseName, randomName } from '../names.ts'
import { ownerOf } from '../owner.ts'
import type { CreateContainer } from '../service.ts'
import { parseNetworkMode } from '../spec/modes.ts'
import { checkLimits } from './limits.ts'
import { mergeConfig } from './merge-config.ts'
import { normalize } from './normalize.ts'
import { makeMounts } from './make-mounts.ts'
import { mountPointOf, planMounts } from './plan-mounts.ts'
import { resolveReferences } from './references.ts'
import { validate } from './validate.ts'

type Created = { id: string; warnings: string[] }

/**
 * `POST /containers/create`: everything is checked first; what a failure left half made is undone.
 * @throws not-found for nothing but the image: clients take it as their cue to pull
 */
export async function create(ctx: Context, request: CreateContainer): Promise<Created> {
  if (!request.config.Image) throw invalid('no image specified: name the image to create the container from')
  const image = ctx.images.resolve(request.config.Image, request.platform)
  try {
    return await createFrom(ctx, request, image)
  } catch (error) {
    if (!(error instanceof BerthError) || !isKind(error, 'not-found')) throw error
    throw invalid(error.message, { cause: error, details: error.details })
  }
}

async function createFrom(ctx: Context, request: CreateContainer, image: ImageRecord): Promise<Created> {
  const wantedName = request.name === '' ? '' : parseName(request.name)
  const facts = ctx.host.facts()
  const { limits: hostConfig, warnings } = checkLimits(normalize(request.hostConfig, ctx.cgroups.mode), {
    cpus: facts.cpus,
    controllers: ctx.cgroups.controllers,
  })
  const config = mergeConfig(request.config, image.config)
  validate(config, hostConfig, facts)
  const inherited = resolveReferences(ctx, hostConfig)
  const plan = planMounts(config, hostConfig, inherited)

  const id = ctx.randomHex(64)
  if (!config.Hostname) {
    const shared = parseNetworkMode(hostConfig.NetworkMode).kind === 'host' || hostConfig.UTSMode === 'host'
    config.Hostname = shared ? facts.hostname : id.slice(0, 12)
  }
  const name = wantedName || randomName(candidate => ctx.records.isNameFree(candidate), ctx.random)
  const record = draft(ctx, { id, name, image, config, hostConfig })
  const rollback = rollbackFor(ctx, `create ${name}`)
  try {
    ctx.records.reserveName(name, id)
    rollback.add('release name', () => ctx.records.releaseName(name, id))
    await build(ctx, record, image, plan, endpointRequests(ctx, request.endpoints, hostConfig), rollback)
  } catch (error) {
    await rollback.run()
    throw error
  }
  rollback.commit()
  publish(ctx, record, 'create')
  return { id, warnings }
}

async function build(
  ctx: Context,
  record: ContainerRecord,
  image: ImageRecord,
  plan: NonNullable<ContainerRecord['mountPlan']>,
  endpoints: Record<string, EndpointRequest>,
  rollback: Rollback,
): Promise<void> {
  const { id } = record
  record.endpoints = await ctx.networks.plan(ownerOf(record), endpoints)
  rollback.add('forget network reservations', () => ctx.networks.forget(id))
  const directory = directoryOf(ctx, id)
  rollback.add('remove directory', () => ctx.files.remove(directory))
  await ctx.files.makeDirectory(directory, { mode: 0o710 })
  rollback.add('remove rootfs', () => ctx.images.removeRootfs(record.snapshotKey))
  await ctx.images.createRootfs(record.snapshotKey, image, { ephemeral: record.hostConfig.AutoRemove })
  const made = await makeMounts(ctx, id, plan, image, rollback)
  record.mountPlan = made.map(mount => mount.plan)
  record.mounts = made.map(mount => mountPointOf(mount.plan, mount.source))
  ctx.records.insert(record)
  for (const { plan: mount } of made) if (mount.type === 'volume') ctx.volumes.release(mount.source, id)
}

function draft(
  ctx: Context,
  parts: { id: string; name: string; image: ImageRecord; config: ContainerConfig; hostConfig: HostConfig },
): ContainerRecord {
  const { id, name, image, config, hostConfig } = parts
  return {
    id,
    name,
    created: rfc3339Nano(ctx.clock.nowNano()),
    imageId: image.id,
    platform: { os: image.platform.os, architecture: image.platform.architecture },
    config,
    hostConfig,
    mounts: [],
    mountPlan: [],
    endpoints: {},
    publishedPorts: [],
    state: { kind: 'created' },
    restartCount: 0,
    stoppedByUser: false,
    snapshotKey: id,
    logPath: hostConfig.LogConfig.Type === 'none' ? '' : `${directoryOf(ctx, id)}/container.log`,
    sandboxPath: '',
  }
}

/** The networks to attach to: those asked for, and the one that the network mode names. */
function endpointRequests(
  ctx: Context,
  requested: Record<string, EndpointRequest>,
  host: HostConfig,
): Record<string, EndpointRequest> {
  const mode = parseNetworkMode(host.NetworkMode)
  if (mode.kind === 'container') return {}
  if (mode.kind === 'host' || mode.kind === 'none') return { [mode.kind]: requested[mode.kind] ?? {} }
  const { default: asDefault, ...rest } = requested
  const named = asDefault ? { bridge: asDefault, ...rest } : rest
  // A network is named by its name here and by its id there.
  const network = ctx.networks.get(host.NetworkMode)
  if ([host.NetworkMode, network.name, network.id].some(key => key in named)) return named
  return { [host.NetworkMode]: {}, ...named }
}
