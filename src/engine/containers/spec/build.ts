import type { OciProcess, OciSeccomp, OciSpec } from '#model/oci.ts'
import { capabilitySet, processCapabilities } from './capabilities.ts'
import { cgroupDevices } from './devices.ts'
import { containerEnv } from './environment.ts'
import type { SpecInput } from './input.ts'
import { INIT, ociMounts, rootPropagation } from './mounts.ts'
import { namespaces } from './namespaces.ts'
import { MASKED_PATHS, READONLY_PATHS } from './paths.ts'
import { ociResources } from './resources.ts'
import { rlimits } from './rlimits.ts'
import { customSeccomp, defaultSeccomp } from './seccomp.ts'
import { parseSecurityOptions, type SecurityOptions } from './security-options.ts'

/** The OCI specification of a container (config.md). Pure. @throws invalid for options that contradict each other */
export function buildSpec(input: SpecInput): OciSpec {
  const { record } = input
  const host = record.hostConfig
  const security = parseSecurityOptions(host.SecurityOpt ?? [], input.facts)
  const capabilities = capabilitySet({
    add: host.CapAdd ?? [],
    drop: host.CapDrop ?? [],
    privileged: host.Privileged,
    known: input.facts.capabilities,
  })
  const hasUts = host.UTSMode !== 'host'
  const open = host.Privileged || security.unmasked
  return {
    ociVersion: '1.0.2',
    process: processOf(input, capabilities, security),
    root: { path: input.rootfs, ...(host.ReadonlyRootfs ? { readonly: true } : {}) },
    ...(hasUts ? { hostname: input.hostname } : {}),
    ...(hasUts && record.config.Domainname ? { domainname: record.config.Domainname } : {}),
    mounts: ociMounts(input),
    ...(host.Annotations ? { annotations: host.Annotations } : {}),
    linux: {
      namespaces: namespaces(input),
      ...(input.devices.length > 0 ? { devices: input.devices.map(device => device.node) } : {}),
      cgroupsPath: input.cgroupsPath,
      resources: {
        ...ociResources(host, path => input.blockDevices[path]),
        devices: cgroupDevices(host.Privileged, input.devices, host.DeviceCgroupRules ?? []),
      },
      rootfsPropagation: rootPropagation(input.mounts),
      ...seccompOf(input, capabilities, security),
      ...sysctlsOf(input),
      maskedPaths: open ? [] : [...(host.MaskedPaths ?? MASKED_PATHS)],
      readonlyPaths: open ? [] : [...(host.ReadonlyPaths ?? READONLY_PATHS)],
    },
  }
}

/** Also the base of an exec's process. */
export function processOf(input: SpecInput, capabilities: string[], security: SecurityOptions): OciProcess {
  const { config, hostConfig } = input.record
  const args = [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
  const [height, width] = hostConfig.ConsoleSize ?? [0, 0]
  return {
    terminal: config.Tty,
    ...(config.Tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: {
      uid: input.user.uid,
      gid: input.user.gid,
      ...(input.user.additionalGids.length > 0 ? { additionalGids: input.user.additionalGids } : {}),
    },
    args: input.initPath ? [INIT, '--', ...args] : args,
    env: containerEnv(config, input.hostname, input.user.home),
    cwd: config.WorkingDir || '/',
    capabilities: processCapabilities(capabilities),
    ...((hostConfig.Ulimits?.length ?? 0) > 0 ? { rlimits: rlimits(hostConfig.Ulimits ?? []) } : {}),
    noNewPrivileges: security.noNewPrivileges,
    ...(security.apparmorProfile && !hostConfig.Privileged ? { apparmorProfile: security.apparmorProfile } : {}),
    ...(hostConfig.OomScoreAdj ? { oomScoreAdj: hostConfig.OomScoreAdj } : {}),
  }
}

function seccompOf(input: SpecInput, capabilities: string[], security: SecurityOptions): { seccomp?: OciSeccomp } {
  const { hostConfig } = input.record
  if (!input.facts.seccomp || security.seccomp === 'unconfined') return {}
  if (security.seccomp !== 'default') {
    return { seccomp: customSeccomp(security.seccomp, input.facts.architecture, capabilities) }
  }
  return hostConfig.Privileged ? {} : { seccomp: defaultSeccomp(input.facts.architecture, capabilities) }
}

function sysctlsOf(input: SpecInput): { sysctl?: Record<string, string> } {
  const host = input.record.hostConfig
  const own: Record<string, string> = {}
  // Docker's courtesies to those with a network namespace of their own: ping and low ports without privileges.
  const ownNetwork = host.NetworkMode !== 'host' && !host.NetworkMode.startsWith('container:')
  if (ownNetwork && !host.Privileged) {
    own['net.ipv4.ping_group_range'] = '0 2147483647'
    own['net.ipv4.ip_unprivileged_port_start'] = '0'
  }
  const sysctl = { ...own, ...host.Sysctls }
  return Object.keys(sysctl).length > 0 ? { sysctl } : {}
}
