import { invalid, notImplemented } from '#lib/errors.ts'
import type { HostConfig } from '#model/config.ts'

/** A namespace mode of HostConfig, taken apart. */
export type Mode =
  | { kind: 'own' }
  | { kind: 'host' }
  | { kind: 'none' }
  | { kind: 'shareable' }
  | { kind: 'container'; reference: string }

/** @throws invalid in Docker's words */
export function parseIpcMode(mode: string): Mode {
  if (mode === '' || mode === 'private') return { kind: 'own' }
  if (mode === 'host' || mode === 'none' || mode === 'shareable') return { kind: mode }
  return containerMode(mode) ?? bad('IPC', mode)
}

/** @throws invalid in Docker's words */
export function parsePidMode(mode: string): Mode {
  if (mode === '' || mode === 'private') return { kind: 'own' }
  if (mode === 'host') return { kind: 'host' }
  return containerMode(mode) ?? bad('PID', mode)
}

/** Network modes that are not names of networks. */
export function parseNetworkMode(mode: string): Mode {
  if (mode === 'host' || mode === 'none') return { kind: mode }
  return containerMode(mode) ?? { kind: 'own' }
}

/** @throws invalid or not-implemented naming the mode, before anything exists */
export function checkModes(host: HostConfig): void {
  parseIpcMode(host.IpcMode ?? '')
  parsePidMode(host.PidMode ?? '')
  if (host.UTSMode && host.UTSMode !== 'host' && host.UTSMode !== 'private') bad('UTS', host.UTSMode)
  if (host.CgroupnsMode && host.CgroupnsMode !== 'host' && host.CgroupnsMode !== 'private') {
    throw invalid(`invalid cgroup namespace mode: ${String(host.CgroupnsMode)}`)
  }
  if (host.UsernsMode && host.UsernsMode !== 'host') {
    throw notImplemented(`user namespace mode "${host.UsernsMode}" is not supported: use "host"`)
  }
  const network = host.NetworkMode ?? ''
  if (network === 'container:' || network === 'container') {
    throw invalid('invalid network mode: invalid container format container:<name|id>')
  }
}

function containerMode(mode: string): Mode | undefined {
  const reference = mode.startsWith('container:') ? mode.slice('container:'.length) : ''
  return reference ? { kind: 'container', reference } : undefined
}

function bad(what: string, mode: string): never {
  throw invalid(`invalid ${what} mode: ${mode}`)
}
