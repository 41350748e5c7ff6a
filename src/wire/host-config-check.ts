import { invalid } from '#lib/errors.ts'
import type { HostConfig } from '#model/config.ts'
import { isIP } from './addresses.ts'
import { checkBind, checkVolumesFrom } from './mounts.ts'

/** Capability names of capabilities(7), without `CAP_`. */
const CAPABILITIES = new Set(
  (
    'ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND BPF CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE DAC_READ_SEARCH ' +
    'FOWNER FSETID IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN ' +
    'NET_BIND_SERVICE NET_BROADCAST NET_RAW PERFMON SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_BOOT SYS_CHROOT ' +
    'SYS_MODULE SYS_NICE SYS_PACCT SYS_PTRACE SYS_RAWIO SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG SYSLOG WAKE_ALARM'
  ).split(' '),
)
const LOG_DRIVERS = new Set(['json-file', 'local', 'none'])
const LOG_OPTIONS = new Set([
  'max-size',
  'max-file',
  'compress',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
  'mode',
  'max-buffer-size',
])
/** `--security-opt` words that take no value, and those that do. */
const SECURITY_FLAGS = new Set(['no-new-privileges'])
const SECURITY_KEYS = new Set(['no-new-privileges', 'seccomp', 'apparmor', 'label', 'systempaths', 'writable-cgroups'])
const ID_OR_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/** Checks that need no knowledge of the host or of other containers. @throws invalid in Docker's words */
export function checkHostConfig(c: HostConfig): void {
  for (const name of [...(c.CapAdd ?? []), ...(c.CapDrop ?? [])]) {
    if (!CAPABILITIES.has(name.replace(/^CAP_/, ''))) throw invalid(`invalid capability: ${JSON.stringify(name)}`)
  }
  if (c.AutoRemove && c.RestartPolicy.Name !== 'no') {
    throw invalid("can't create 'AutoRemove' container with restart policy")
  }
  if (c.OomScoreAdj < -1000 || c.OomScoreAdj > 1000) {
    throw invalid(`Invalid value ${c.OomScoreAdj}, range for oom score adj is [-1000, 1000]`)
  }
  if (c.ShmSize < 0) throw invalid('SHM size can not be less than 0')
  checkNamespaces(c)
  checkNetworking(c)
  checkLogging(c)
  for (const bind of c.Binds ?? []) checkBind(bind)
  for (const source of c.VolumesFrom ?? []) checkVolumesFrom(source)
  for (const path of Object.keys(c.Tmpfs ?? {})) {
    if (!path.startsWith('/')) throw invalid(`invalid mount path: '${path}' mount path must be absolute`)
  }
  for (const key of Object.keys(c.Sysctls ?? {})) {
    if (!/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_.:/-]+)+$/.test(key)) throw invalid(`invalid sysctl ${JSON.stringify(key)}`)
  }
  for (const option of c.SecurityOpt ?? []) checkSecurityOption(option)
  for (const option of [...(c.MaskedPaths ?? []), ...(c.ReadonlyPaths ?? [])]) {
    if (!option.startsWith('/'))
      throw invalid(`masked and read-only paths must be absolute, not ${JSON.stringify(option)}`)
  }
}

function checkNamespaces(c: HostConfig): void {
  const joins = (mode: string) => {
    const match = /^container:(.*)$/.exec(mode)
    return match !== null && ID_OR_NAME.test(match[1]!)
  }
  if (!['none', 'private', 'shareable', 'host'].includes(c.IpcMode) && !joins(c.IpcMode)) {
    throw invalid(`invalid IPC mode: ${c.IpcMode}`)
  }
  if (!['', 'private', 'host'].includes(c.PidMode) && !joins(c.PidMode)) throw invalid(`invalid PID mode: ${c.PidMode}`)
  if (!['', 'private', 'host'].includes(c.UTSMode)) throw invalid(`invalid UTS mode: ${c.UTSMode}`)
  if (!['', 'private', 'host'].includes(c.UsernsMode)) throw invalid(`invalid userns mode: ${c.UsernsMode}`)
  if (c.NetworkMode.startsWith('container:') && !joins(c.NetworkMode)) {
    throw invalid(`invalid container format ${c.NetworkMode}: write container:<name|id>`)
  }
  if (c.Isolation !== '') throw invalid(`invalid isolation ${JSON.stringify(c.Isolation)} on linux`)
}

function checkNetworking(c: HostConfig): void {
  const shared = c.NetworkMode.startsWith('container:')
  if (shared && c.Links?.length)
    throw invalid(
      "conflicting options: container type network can't be used with links. This would result in undefined behavior",
    )
  if (shared && c.Dns.length > 0) throw invalid('conflicting options: dns and the network mode')
  if (shared && c.ExtraHosts?.length)
    throw invalid('conflicting options: custom host-to-IP mapping and the network mode')
  if (shared && (c.PublishAllPorts || Object.keys(c.PortBindings).length > 0)) {
    throw invalid('conflicting options: port publishing and the container type network mode')
  }
  if (c.NetworkMode === 'host' && c.Links?.length) {
    throw invalid(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    )
  }
  for (const [port, bindings] of Object.entries(c.PortBindings)) {
    for (const { HostIp } of bindings) {
      if (HostIp !== '' && !isIP(HostIp)) throw invalid(`invalid IP address ${JSON.stringify(HostIp)} for port ${port}`)
    }
  }
  for (const server of c.Dns) {
    if (!isIP(server)) throw invalid(`invalid DNS server ${JSON.stringify(server)}: must be an IP address`)
  }
  for (const entry of c.ExtraHosts ?? []) {
    const match = /^([^:=\s]+)[:=](.+)$/.exec(entry)
    const address = match?.[2]?.replace(/^\[(.*)\]$/, '$1')
    if (!match || address === undefined) throw invalid(`bad format for add-host: ${JSON.stringify(entry)}`)
    if (address !== 'host-gateway' && !isIP(address))
      throw invalid(`invalid IP address in add-host: ${JSON.stringify(address)}`)
  }
}

function checkLogging(c: HostConfig): void {
  const { Type, Config } = c.LogConfig
  if (!LOG_DRIVERS.has(Type)) throw invalid(`logger: no log driver named '${Type}' is registered`)
  for (const [key, value] of Object.entries(Config)) {
    if (!LOG_OPTIONS.has(key)) throw invalid(`unknown log opt '${key}' for ${Type} log driver`)
    if (key === 'max-size' && !/^(-1|[0-9]+(\.[0-9]+)? ?[kmgt]?i?b?)$/i.test(value))
      throw invalid(`invalid value for max-size: ${value}`)
    if (key === 'max-file' && !/^[1-9][0-9]{0,8}$/.test(value))
      throw invalid(`max-file cannot be less than 1: ${value}`)
  }
}

function checkSecurityOption(option: string): void {
  const key = option.split(/[=:]/, 1)[0]!
  const hasValue = key.length < option.length
  if (hasValue ? SECURITY_KEYS.has(key) : SECURITY_FLAGS.has(key)) return
  throw invalid(`invalid --security-opt: ${JSON.stringify(option)}`)
}
