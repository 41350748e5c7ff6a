import type { Dependency, Deploy, FileReference, Service, ServiceNetwork } from '../project.ts'
import {
  anything,
  boolean,
  bytes,
  command,
  duration,
  fileMode,
  integer,
  isMap,
  list,
  mapOf,
  nullableMap,
  number,
  object,
  oneOf,
  seconds,
  string,
  stringMap,
  strings,
  wrong,
  type Field,
} from './fields.ts'
import { egress } from './egress.ts'
import { expose, ports } from './ports.ts'
import { hostPath, serviceVolumes } from './volumes.ts'

export interface Extends {
  service: string
  file?: string
}

/** A service as one file gives it: long forms, absent keys absent. */
export type PartialService = Partial<Omit<Service, 'name'>> & { extends?: Extends }

const CONDITIONS = ['service_started', 'service_healthy', 'service_completed_successfully'] as const

const dependsOn: Field<Record<string, Dependency>> = (value, path) => {
  if (Array.isArray(value)) {
    const names = list(string)(value, path)
    return Object.fromEntries(
      names.map(name => [name, { condition: 'service_started', restart: false, required: true }]),
    )
  }
  const one = object<Dependency>({ condition: oneOf(...CONDITIONS), restart: boolean, required: boolean })
  return mapOf<Dependency>((item, at) => ({
    condition: 'service_started',
    restart: false,
    required: true,
    ...one(item, at),
  }))(value, path)
}

/** As the kernel takes it (IFNAMSIZ), and nothing that a path could be made of. */
const interfaceName: Field<string> = (value, path) => {
  const name = string(value, path)
  if (!/^[^\s/:]{1,15}$/.test(name) || name === '.' || name === '..') {
    throw wrong(path, `must be an interface name of at most 15 characters, not ${JSON.stringify(name)}`)
  }
  return name
}

const networks: Field<Record<string, ServiceNetwork>> = (value, path) => {
  const blank = (): ServiceNetwork => ({ aliases: [], link_local_ips: [], driver_opts: {} })
  if (Array.isArray(value)) return Object.fromEntries(list(string)(value, path).map(name => [name, blank()]))
  const one = object<ServiceNetwork>({
    aliases: list(string),
    ipv4_address: string,
    ipv6_address: string,
    link_local_ips: list(string),
    mac_address: string,
    driver_opts: stringMap,
    priority: integer,
    gw_priority: integer,
    interface_name: interfaceName,
  })
  return mapOf<ServiceNetwork>((item, at) => ({ ...blank(), ...(item === null ? {} : one(item, at)) }))(value, path)
}

const healthTest: Field<string[]> = (value, path) => {
  if (typeof value === 'string') return ['CMD-SHELL', value]
  const test = list(string)(value, path)
  if (test.length > 0 && !['NONE', 'CMD', 'CMD-SHELL'].includes(test[0]!)) {
    throw wrong(path, `must begin with NONE, CMD or CMD-SHELL, not ${JSON.stringify(test[0])}`)
  }
  return test
}

const ulimits = mapOf<{ soft: number; hard: number }>((value, path) => {
  if (!isMap(value)) return { soft: integer(value, path), hard: integer(value, path) }
  const pair = object<{ soft: number; hard: number }>({ soft: integer, hard: integer })(value, path)
  if (pair.soft === undefined || pair.hard === undefined) throw wrong(path, 'needs soft and hard')
  return { soft: pair.soft, hard: pair.hard }
})

const deploy: Field<Deploy> = (value, path) => ({
  labels: {},
  ...object<Deploy & Record<'update_config' | 'rollback_config' | 'placement', unknown>>({
    mode: string,
    replicas: integer,
    endpoint_mode: oneOf('vip', 'dnsrr'),
    labels: stringMap,
    resources: object({
      limits: object({ cpus: number, memory: bytes, pids: integer }),
      reservations: object({ cpus: number, memory: bytes, devices: list(anything) }),
    }),
    restart_policy: object({ condition: string, max_attempts: integer, delay: duration, window: duration }),
    update_config: anything,
    rollback_config: anything,
    placement: anything,
  })(value, path),
})

const fileReferences: Field<FileReference[]> = (value, path) =>
  list<FileReference>((item, at) => {
    if (typeof item === 'string') return { source: item }
    const one = object<FileReference>({ source: string, target: string, uid: string, gid: string, mode: fileMode })(
      item,
      at,
    )
    if (!one.source) throw wrong(at, 'needs a source')
    return { ...one, source: one.source }
  })(value, path)

const extendsField: Field<Extends> = (value, path) => {
  if (typeof value === 'string') return { service: value }
  const one = object<Extends>({ service: string, file: string })(value, path)
  if (!one.service) throw wrong(path, 'needs a service')
  return { ...one, service: one.service }
}

const restart: Field<string> = (value, path) => {
  const text = value === false ? 'no' : string(value, path)
  if (!/^(no|always|unless-stopped|on-failure(:\d+)?)$/.test(text)) {
    throw wrong(path, `must be no, always, unless-stopped or on-failure[:N], not ${JSON.stringify(text)}`)
  }
  return text
}

/** Reads one service of one file. Relative host paths are taken from `workingDir`. */
export function serviceField(workingDir: string): Field<PartialService> {
  const envFile: Field<{ path: string; required: boolean }[]> = (value, path) =>
    (Array.isArray(value) ? value : [value]).map((item: unknown, index) => {
      if (!isMap(item)) return { path: hostPath(string(item, path), workingDir), required: true }
      const one = object<{ path: string; required: boolean; format: string }>({
        path: string,
        required: boolean,
        format: string,
      })(item, [...path, index])
      if (!one.path) throw wrong([...path, index], 'needs a path')
      return { path: hostPath(one.path, workingDir), required: one.required ?? true }
    })
  return object<PartialService>({
    image: string,
    build: anything,
    command,
    entrypoint: command,
    environment: nullableMap,
    env_file: envFile,
    ports,
    expose,
    networks,
    network_mode: string,
    volumes: serviceVolumes(workingDir),
    volumes_from: list(string),
    depends_on: dependsOn,
    healthcheck: object({
      test: healthTest,
      interval: duration,
      timeout: duration,
      retries: integer,
      start_period: duration,
      start_interval: duration,
      disable: boolean,
    }),
    restart,
    labels: stringMap,
    annotations: stringMap,
    tmpfs: strings,
    read_only: boolean,
    user: string,
    working_dir: string,
    hostname: string,
    domainname: string,
    container_name: string,
    mac_address: string,
    init: boolean,
    privileged: boolean,
    tty: boolean,
    stdin_open: boolean,
    cap_add: list(string),
    cap_drop: list(string),
    security_opt: list(string),
    group_add: list(string),
    sysctls: stringMap,
    ulimits,
    devices: list(string),
    dns: strings,
    dns_search: strings,
    dns_opt: list(string),
    extra_hosts: extraHosts,
    links: list(string),
    external_links: list(string),
    stop_signal: string,
    stop_grace_period: seconds,
    shm_size: bytes,
    pid: string,
    ipc: string,
    uts: string,
    userns_mode: string,
    cgroup: oneOf('host', 'private'),
    cgroup_parent: string,
    runtime: string,
    platform: string,
    pull_policy: string,
    profiles: list(string),
    logging: (value, path) => ({
      options: {},
      ...object<{ driver: string; options: Record<string, string> }>({ driver: string, options: stringMap })(
        value,
        path,
      ),
    }),
    configs: fileReferences,
    secrets: fileReferences,
    scale: integer,
    oom_score_adj: integer,
    oom_kill_disable: boolean,
    mem_limit: bytes,
    mem_reservation: bytes,
    memswap_limit: bytes,
    mem_swappiness: integer,
    cpus: number,
    cpu_shares: integer,
    cpu_quota: integer,
    cpu_period: integer,
    cpuset: string,
    pids_limit: integer,
    deploy,
    'x-berth-egress': egress,
    extends: extendsField,
  })
}

/** `host:ip` or `host=ip` in a list, or a mapping of host to ip(s); IPv6 addresses may stand in brackets. */
const extraHosts: Field<string[]> = (value, path) => {
  const bare = (ip: string) => ip.replace(/^\[(.*)\]$/, '$1')
  if (isMap(value)) {
    return Object.entries(value).flatMap(([host, ip]) =>
      strings(ip, [...path, host]).map(one => `${host}:${bare(one)}`),
    )
  }
  return list<string>((item, at) => {
    const entry = string(item, at)
    const [, host, ip] = /^([^:=]+)[:=](.+)$/.exec(entry) ?? []
    if (!host || !ip) throw wrong(at, `must be HOST=IP, not ${JSON.stringify(entry)}`)
    return `${host}:${bare(ip)}`
  })(value, path)
}
