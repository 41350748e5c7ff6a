/** A Compose project after loading: every short form written out, files merged, variables replaced. */
export interface Project {
  name: string
  workingDir: string
  /** Absolute paths, in order of precedence. */
  files: string[]
  services: Record<string, Service>
  networks: Record<string, Network>
  volumes: Record<string, Volume>
  configs: Record<string, FileObject>
  secrets: Record<string, FileObject>
  /** Services that a profile keeps out of this run. */
  disabled: string[]
}

export interface Service {
  name: string
  image?: string
  build?: unknown
  command?: string[]
  entrypoint?: string[]
  /** null takes the value of the shell, if it has one. */
  environment: Record<string, string | null>
  env_file: { path: string; required: boolean }[]
  ports: Port[]
  expose: string[]
  networks: Record<string, ServiceNetwork>
  network_mode?: string
  volumes: ServiceVolume[]
  volumes_from: string[]
  depends_on: Record<string, Dependency>
  healthcheck?: HealthcheckConfig
  restart?: string
  labels: Record<string, string>
  annotations: Record<string, string>
  tmpfs: string[]
  read_only?: boolean
  user?: string
  working_dir?: string
  hostname?: string
  domainname?: string
  container_name?: string
  mac_address?: string
  init?: boolean
  privileged?: boolean
  tty?: boolean
  stdin_open?: boolean
  cap_add: string[]
  cap_drop: string[]
  security_opt: string[]
  group_add: string[]
  sysctls: Record<string, string>
  ulimits: Record<string, { soft: number; hard: number }>
  devices: string[]
  dns: string[]
  dns_search: string[]
  dns_opt: string[]
  extra_hosts: string[]
  links: string[]
  external_links: string[]
  stop_signal?: string
  /** Seconds. */
  stop_grace_period?: number
  /** Bytes. */
  shm_size?: number
  pid?: string
  ipc?: string
  uts?: string
  userns_mode?: string
  cgroup?: string
  cgroup_parent?: string
  runtime?: string
  platform?: string
  pull_policy?: string
  profiles: string[]
  logging?: { driver?: string; options: Record<string, string> }
  configs: FileReference[]
  secrets: FileReference[]
  scale?: number
  oom_score_adj?: number
  oom_kill_disable?: boolean
  mem_limit?: number
  mem_reservation?: number
  memswap_limit?: number
  mem_swappiness?: number
  cpus?: number
  cpu_shares?: number
  cpu_quota?: number
  cpu_period?: number
  cpuset?: string
  pids_limit?: number
  deploy?: Deploy
  /** What its containers may reach beyond their networks, as the engine takes it: `allow=api.example.com:443,…`. */
  'x-berth-egress'?: string
}

export interface Port {
  target: number
  /** Host port or range; '' asks for an ephemeral one. */
  published: string
  host_ip: string
  protocol: 'tcp' | 'udp' | 'sctp'
  mode: string
  /** For readers; nothing depends on them. */
  name?: string
  app_protocol?: string
}

export interface ServiceNetwork {
  aliases: string[]
  ipv4_address?: string
  ipv6_address?: string
  link_local_ips: string[]
  mac_address?: string
  driver_opts: Record<string, string>
  priority?: number
  gw_priority?: number
  /** Of the interface inside the container. */
  interface_name?: string
}

export interface ServiceVolume {
  type: 'volume' | 'bind' | 'tmpfs' | 'image' | 'npipe' | 'cluster'
  source?: string
  target: string
  read_only?: boolean
  bind?: { propagation?: string; create_host_path?: boolean; selinux?: string; recursive?: string }
  volume?: { nocopy?: boolean; subpath?: string }
  tmpfs?: { size?: number; mode?: number }
  image?: { subpath?: string }
}

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully'

export interface Dependency {
  condition: Condition
  restart: boolean
  required: boolean
}

/** Durations in nanoseconds. */
export interface HealthcheckConfig {
  test?: string[]
  interval?: number
  timeout?: number
  retries?: number
  start_period?: number
  start_interval?: number
  disable?: boolean
}

export interface Deploy {
  mode?: string
  replicas?: number
  endpoint_mode?: string
  labels: Record<string, string>
  resources?: {
    limits?: { cpus?: number; memory?: number; pids?: number }
    reservations?: { cpus?: number; memory?: number; devices?: unknown[] }
  }
  restart_policy?: { condition?: string; max_attempts?: number; delay?: number; window?: number }
}

export interface Network {
  /** The engine's name for it: `<project>_<key>` unless `name` is given. */
  name: string
  driver?: string
  driver_opts: Record<string, string>
  ipam?: {
    driver?: string
    config: { subnet?: string; ip_range?: string; gateway?: string; aux_addresses?: Record<string, string> }[]
    options: Record<string, string>
  }
  external: boolean
  internal?: boolean
  attachable?: boolean
  enable_ipv4?: boolean
  enable_ipv6?: boolean
  labels: Record<string, string>
  /** As a service's, for every container on it. */
  'x-berth-egress'?: string
}

export interface Volume {
  name: string
  driver?: string
  driver_opts: Record<string, string>
  external: boolean
  labels: Record<string, string>
}

export interface FileObject {
  name: string
  file?: string
  environment?: string
  /** What the variable `environment` holds; undefined when it is not set. Never printed. */
  value?: string
  content?: string
  external: boolean
}

export interface FileReference {
  source: string
  target?: string
  uid?: string
  gid?: string
  mode?: number
}
