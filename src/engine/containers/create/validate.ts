import { invalid, system } from '#lib/errors.ts'
import type { ContainerConfig, HostConfig } from '#model/config.ts'
import { parseDeviceRule } from '../spec/devices.ts'
import { capabilitySet } from '../spec/capabilities.ts'
import { checkModes, parseIpcMode, parseNetworkMode } from '../spec/modes.ts'
import { rlimits } from '../spec/rlimits.ts'
import { customSeccomp } from '../spec/seccomp.ts'
import { parseSecurityOptions } from '../spec/security-options.ts'
import { checkSysctls } from '../spec/sysctls.ts'
import { checkEgress } from '../egress.ts'
import { parseSignal } from '../signals.ts'
import { checkHostRanges } from './limits.ts'
import { logLimits } from './log-config.ts'

export interface Facts {
  architecture: string
  capabilities: readonly string[]
  apparmor: boolean
  selinux: boolean
}

/** Everything about a request that can be judged without looking at the host's state. @throws in Docker's words */
export function validate(config: ContainerConfig, host: HostConfig, facts: Facts): void {
  checkModes(host)
  checkHostRanges(host)
  checkNetworkConflicts(config, host)
  checkEgress(host)
  logLimits(host.LogConfig)
  capabilitySet({
    add: host.CapAdd ?? [],
    drop: host.CapDrop ?? [],
    privileged: host.Privileged,
    known: facts.capabilities,
  })
  const security = parseSecurityOptions(host.SecurityOpt ?? [], facts)
  if (!['default', 'unconfined'].includes(security.seccomp)) customSeccomp(security.seccomp, facts.architecture, [])
  rlimits(host.Ulimits ?? [])
  for (const rule of host.DeviceCgroupRules ?? []) parseDeviceRule(rule)
  checkSysctls(host.Sysctls ?? {}, {
    network: parseNetworkMode(host.NetworkMode).kind === 'host',
    ipc: parseIpcMode(host.IpcMode ?? '').kind === 'host',
    uts: host.UTSMode === 'host',
  })
  if (config.StopSignal) parseSignal(config.StopSignal)
  checkWorkdir(config.WorkingDir)
  checkEnv(config.Env ?? [])
  checkHostname(config.Hostname)
  checkHealth(config)
  if (host.Runtime && !['runc', 'crun', 'io.containerd.runc.v2'].includes(host.Runtime)) {
    throw invalid(`unknown or invalid runtime name: ${host.Runtime}`)
  }
  if (host.Isolation && host.Isolation !== 'default') throw invalid(`invalid isolation '${host.Isolation}' on linux`)
  if ((host.DeviceRequests?.length ?? 0) > 0) {
    // Not `not-found`: a client would take that for a missing image and pull.
    throw system('could not select device driver "" with capabilities: [[gpu]]')
  }
}

function checkNetworkConflicts(config: ContainerConfig, host: HostConfig): void {
  const mode = parseNetworkMode(host.NetworkMode)
  const conflicting = (what: string) => invalid(`conflicting options: ${what}`)
  if (mode.kind === 'container') {
    if (config.Hostname) throw conflicting('hostname and the network mode')
    if ((host.Links?.length ?? 0) > 0) {
      throw conflicting("container type network can't be used with links. This would result in undefined behavior")
    }
    if ((host.Dns?.length ?? 0) > 0) throw conflicting('dns and the network mode')
    if ((host.ExtraHosts?.length ?? 0) > 0) throw conflicting('custom host-to-IP mapping and the network mode')
    if (Object.keys(host.PortBindings ?? {}).length > 0 || host.PublishAllPorts) {
      throw conflicting('port publishing and the container type network mode')
    }
  }
  if (mode.kind === 'host' && (host.Links?.length ?? 0) > 0) {
    throw conflicting("host type networking can't be used with links. This would result in undefined behavior")
  }
  if (host.UTSMode === 'host' && (config.Hostname || config.Domainname)) {
    throw conflicting('hostname and the UTS mode')
  }
}

function checkWorkdir(path: string): void {
  if (path && !path.startsWith('/')) {
    throw invalid(`the working directory '${path}' is invalid, it needs to be an absolute path`)
  }
}

function checkEnv(env: string[]): void {
  for (const entry of env) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`)
    if (entry.includes('\0')) throw invalid(`invalid environment variable: ${JSON.stringify(entry)}`)
  }
}

function checkHostname(hostname: string): void {
  if (!hostname) return
  if (hostname.length > 63 || !/^(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9])$/.test(hostname)) {
    throw invalid(`invalid hostname: ${hostname}`)
  }
}

const MILLISECOND = 1_000_000

function checkHealth({ Healthcheck: health }: ContainerConfig): void {
  if (!health) return
  const duration = (name: string, value: number | undefined) => {
    if (value !== undefined && value !== 0 && value < MILLISECOND) {
      throw invalid(`${name} in Healthcheck cannot be less than 1ms`)
    }
  }
  duration('Interval', health.Interval)
  duration('Timeout', health.Timeout)
  duration('StartPeriod', health.StartPeriod)
  duration('StartInterval', health.StartInterval)
  if ((health.Retries ?? 0) < 0) throw invalid('Retries in Healthcheck cannot be negative')
  const kind = health.Test?.[0]
  if (kind !== undefined && !['', 'NONE', 'CMD', 'CMD-SHELL'].includes(kind)) {
    throw invalid(`unknown type of health check: ${kind}`)
  }
}
