import type { ContainerRecord, MountPlan } from '#model/container.ts'
import type { HostFacts } from '#ports/host.ts'
import type { ResolvedDevice } from './devices.ts'
import type { ResolvedUser } from './user.ts'

/** A mount whose source is known now. */
export interface ResolvedMount {
  plan: MountPlan
  /** On the host; '' for tmpfs. */
  source: string
  /** False for a bind of a single file. */
  directory?: boolean
  /** What the source's own mount forbids (`nosuid`, …), and the runtime would allow again. */
  restrictions?: string[]
}

/** Paths of another process's namespaces that this container joins; undefined makes a new one or uses the host's. */
export interface Joined {
  network?: string
  ipc?: string
  pid?: string
  /** Another container's /dev/shm on the host. */
  shm?: string
}

/** All that the specification depends on: `buildSpec` asks nothing else. */
export interface SpecInput {
  record: ContainerRecord
  rootfs: string
  /** Inside the container. */
  hostname: string
  user: ResolvedUser
  mounts: ResolvedMount[]
  /** Host paths of the files that Berth keeps for the container. */
  files: { hosts: string; hostname: string; resolvConf: string }
  joined: Joined
  devices: ResolvedDevice[]
  /** Host path of the init, when one is wanted. */
  initPath?: string
  facts: Pick<HostFacts, 'architecture' | 'capabilities' | 'apparmor' | 'selinux' | 'seccomp' | 'kernelVersion'>
  cgroupMode: 'v1' | 'v2' | 'hybrid'
  cgroupsPath: string
  /** Numbers of the block devices that blkio limits name. */
  blockDevices: Readonly<Record<string, { major: number; minor: number }>>
}
