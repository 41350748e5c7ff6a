/** What `GET /info` and the defaults need to know of the machine. */
export interface HostFacts {
  hostname: string
  kernelVersion: string
  operatingSystem: string
  architecture: string
  osType: 'linux'
  cpus: number
  memoryBytes: number
  /** Capabilities that the kernel knows and the daemon can hand on, by name without `CAP_`, lower number first. */
  capabilities: readonly string[]
  apparmor: boolean
  selinux: boolean
  seccomp: boolean
  /** `systemd-resolved`-free list of upstream resolvers. */
  bridgeNfIptables: boolean
  ipv6: boolean
}

export interface ResolverConfig {
  nameservers: string[]
  search: string[]
  options: string[]
}

export interface Host {
  facts(): HostFacts
  /** The host's resolvers now, resolv.conf(5); systemd-resolved's stub is looked through. */
  resolvers(): ResolverConfig
  /** /etc/hosts of the host, for `--network host`. */
  hostsFile(): Promise<string>
  timezoneFile(): string | undefined
}
