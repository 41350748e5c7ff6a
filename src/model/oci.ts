/** The parts of the OCI runtime specification (config.md, config-linux.md) that Berth writes. */
export interface OciProcess {
  terminal?: boolean
  consoleSize?: { height: number; width: number }
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] }
  args: string[]
  env: string[]
  cwd: string
  capabilities?: Record<'bounding' | 'effective' | 'inheritable' | 'permitted' | 'ambient', string[]>
  rlimits?: { type: string; hard: number; soft: number }[]
  noNewPrivileges?: boolean
  apparmorProfile?: string
  selinuxLabel?: string
  oomScoreAdj?: number
}

export interface OciMount {
  destination: string
  type?: string
  source?: string
  options?: string[]
}

export interface OciResources {
  devices?: { allow: boolean; type?: string; major?: number; minor?: number; access?: string }[]
  memory?: { limit?: number; reservation?: number; swap?: number; swappiness?: number; disableOOMKiller?: boolean }
  cpu?: {
    shares?: number
    quota?: number
    period?: number
    realtimeRuntime?: number
    realtimePeriod?: number
    cpus?: string
    mems?: string
  }
  pids?: { limit: number }
  blockIO?: {
    weight?: number
    weightDevice?: { major: number; minor: number; weight: number }[]
    throttleReadBpsDevice?: { major: number; minor: number; rate: number }[]
    throttleWriteBpsDevice?: { major: number; minor: number; rate: number }[]
    throttleReadIOPSDevice?: { major: number; minor: number; rate: number }[]
    throttleWriteIOPSDevice?: { major: number; minor: number; rate: number }[]
  }
  unified?: Record<string, string>
}

export interface OciSeccomp {
  defaultAction: string
  defaultErrnoRet?: number
  architectures?: string[]
  flags?: string[]
  syscalls?: {
    names: string[]
    action: string
    errnoRet?: number
    args?: { index: number; value: number; valueTwo?: number; op: string }[]
  }[]
}

export interface OciSpec {
  ociVersion: string
  process: OciProcess
  root: { path: string; readonly?: boolean }
  hostname?: string
  domainname?: string
  mounts: OciMount[]
  hooks?: Record<string, { path: string; args?: string[]; env?: string[]; timeout?: number }[]>
  annotations?: Record<string, string>
  linux: {
    namespaces: { type: string; path?: string }[]
    uidMappings?: { containerID: number; hostID: number; size: number }[]
    gidMappings?: { containerID: number; hostID: number; size: number }[]
    devices?: {
      path: string
      type: string
      major?: number
      minor?: number
      fileMode?: number
      uid?: number
      gid?: number
    }[]
    cgroupsPath?: string
    resources?: OciResources
    rootfsPropagation?: string
    seccomp?: OciSeccomp
    sysctl?: Record<string, string>
    maskedPaths?: string[]
    readonlyPaths?: string[]
  }
}
