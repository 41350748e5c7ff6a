import { conflict, invalid } from '#lib/errors.ts'
import type { HostConfig } from '#model/config.ts'
import type { Context } from '../context.ts'
import { parseIpcMode, parseNetworkMode, parsePidMode, type Mode } from '../spec/modes.ts'
import type { Inherited } from './plan-mounts.ts'

/**
 * Looks up the containers that a request names: those whose namespaces it joins (their ids are stored, as names may
 * change) and those of `--volumes-from`. Changes `host` in place.
 * @throws not-found for an unknown one
 */
export function resolveReferences(ctx: Context, host: HostConfig): Inherited[] {
  const byId = (mode: Mode, text: string) =>
    mode.kind === 'container' ? `container:${ctx.records.find(mode.reference).id}` : text
  host.NetworkMode = byId(parseNetworkMode(host.NetworkMode), host.NetworkMode)
  host.IpcMode = byId(parseIpcMode(host.IpcMode ?? ''), host.IpcMode)
  host.PidMode = byId(parsePidMode(host.PidMode ?? ''), host.PidMode)
  const ipc = parseIpcMode(host.IpcMode ?? '')
  if (ipc.kind === 'container') {
    const mode = parseIpcMode(ctx.records.find(ipc.reference).hostConfig.IpcMode ?? '')
    if (mode.kind === 'own' || mode.kind === 'none') {
      throw conflict(
        `can't join IPC of container ${ipc.reference}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
      )
    }
  }
  return (host.VolumesFrom ?? []).map(spec => volumesFrom(ctx, spec))
}

function volumesFrom(ctx: Context, spec: string): Inherited {
  const [reference = '', mode = ''] = spec.split(':', 2)
  if (!reference) throw invalid(`malformed volumes-from specification: ${spec}`)
  if (!['', 'ro', 'rw', 'z', 'Z'].includes(mode)) throw invalid(`invalid mode for volumes-from: ${mode}`)
  const plan = (ctx.records.find(reference).mountPlan ?? [])
    .filter(mount => mount.type === 'bind' || mount.type === 'volume')
    .map(mount => ({ ...mount, noCopy: true }))
  return { plan, readonly: mode === 'ro' }
}
