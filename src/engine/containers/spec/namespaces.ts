import type { OciSpec } from '#model/oci.ts'
import type { SpecInput } from './input.ts'
import { parseIpcMode, parseNetworkMode, parsePidMode } from './modes.ts'

type Namespaces = OciSpec['linux']['namespaces']

/** A namespace that is absent is the host's. */
export function namespaces(input: SpecInput): Namespaces {
  const host = input.record.hostConfig
  const list: Namespaces = [{ type: 'mount' }]
  if (parseNetworkMode(host.NetworkMode).kind !== 'host') list.push(joined('network', input.joined.network))
  if (host.UTSMode !== 'host') list.push({ type: 'uts' })
  if (parsePidMode(host.PidMode ?? '').kind !== 'host') list.push(joined('pid', input.joined.pid))
  if (parseIpcMode(host.IpcMode ?? '').kind !== 'host') list.push(joined('ipc', input.joined.ipc))
  if (ownCgroupNamespace(input)) list.push({ type: 'cgroup' })
  return list
}

/** Docker's default: private on v2, the host's on v1; a privileged one on v2 is private too. */
function ownCgroupNamespace(input: SpecInput): boolean {
  const mode = input.record.hostConfig.CgroupnsMode ?? ''
  return mode === '' ? input.cgroupMode === 'v2' : mode === 'private'
}

function joined(type: string, path: string | undefined): { type: string; path?: string } {
  return path === undefined ? { type } : { type, path }
}
