import { invalid } from '#lib/errors.ts'
import type { ContainerConfig, Healthcheck } from '#model/config.ts'
import type { ConfigBody } from './container-schema.ts'
import { argv, plainMap } from './schema.ts'
import { checkSignal } from './signals.ts'

const MIN_INTERVAL = 1_000_000
const MAX_HOSTNAME = 63

/** Fills in what was left out and checks values. @throws invalid in Docker's words where it has some */
export function containerConfig(body: ConfigBody): ContainerConfig {
  const config: ContainerConfig = {
    Hostname: body.Hostname ?? '',
    Domainname: body.Domainname ?? '',
    User: body.User ?? '',
    AttachStdin: body.AttachStdin ?? false,
    AttachStdout: body.AttachStdout ?? false,
    AttachStderr: body.AttachStderr ?? false,
    ExposedPorts: keys(body.ExposedPorts),
    Tty: body.Tty ?? false,
    OpenStdin: body.OpenStdin ?? false,
    StdinOnce: body.StdinOnce ?? false,
    Env: body.Env ?? [],
    Cmd: argv(body.Cmd),
    Entrypoint: argv(body.Entrypoint),
    Image: body.Image ?? '',
    Volumes: keys(body.Volumes),
    WorkingDir: body.WorkingDir ?? '',
    OnBuild: body.OnBuild ?? null,
    Labels: plainMap(body.Labels),
  }
  if (body.NetworkDisabled) config.NetworkDisabled = true
  if (body.Healthcheck) config.Healthcheck = healthcheck(body.Healthcheck)
  if (body.StopSignal) config.StopSignal = body.StopSignal
  if (body.StopTimeout != null) config.StopTimeout = body.StopTimeout
  const shell = argv(body.Shell)
  if (shell) config.Shell = shell
  check(config)
  return config
}

function check(config: ContainerConfig): void {
  if (config.Hostname.length > MAX_HOSTNAME) throw invalid(`invalid hostname: ${config.Hostname} is over 63 bytes long`)
  if (config.Hostname !== '' && !/^[a-zA-Z0-9_.-]+$/.test(config.Hostname)) {
    throw invalid(`invalid hostname: ${JSON.stringify(config.Hostname)}`)
  }
  if (config.WorkingDir !== '' && !config.WorkingDir.startsWith('/')) {
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`)
  }
  for (const entry of config.Env) {
    if (entry === '' || entry.startsWith('=')) throw invalid(`invalid environment variable: ${entry}`)
    noNul('environment variable', entry)
  }
  for (const word of config.Cmd ?? []) noNul('command argument', word)
  for (const word of config.Entrypoint ?? []) noNul('entrypoint argument', word)
  for (const port of Object.keys(config.ExposedPorts)) checkPort(port)
  for (const path of Object.keys(config.Volumes)) checkVolumePath(path)
  if (config.StopSignal) checkSignal(config.StopSignal)
  if (config.StopTimeout !== undefined && config.StopTimeout < -1) {
    throw invalid(`invalid stop timeout ${config.StopTimeout}: must be -1 or more`)
  }
}

function checkVolumePath(path: string): void {
  if (!path.startsWith('/')) throw invalid(`invalid volume specification: '${path}': mount path must be absolute`)
  if (/^\/+$/.test(path)) throw invalid(`invalid volume specification: '${path}': destination can't be '/'`)
}

function noNul(what: string, value: string): void {
  if (value.includes('\0')) throw invalid(`${what} ${JSON.stringify(value)} has a NUL byte`)
}

function healthcheck(body: NonNullable<ConfigBody['Healthcheck']>): Healthcheck {
  const check: Healthcheck = {}
  if (body.Test) check.Test = body.Test
  for (const key of ['Interval', 'Timeout', 'StartPeriod', 'StartInterval'] as const) {
    const value = body[key]
    if (!value) continue
    if (value < MIN_INTERVAL) throw invalid(`${key} in Healthcheck cannot be less than 1ms`)
    check[key] = value
  }
  if (body.Retries) {
    if (body.Retries < 0) throw invalid('Retries in Healthcheck cannot be negative')
    check.Retries = body.Retries
  }
  const kind = check.Test?.[0]
  if (kind !== undefined && !['', 'NONE', 'CMD', 'CMD-SHELL'].includes(kind)) {
    throw invalid(`unknown healthcheck type ${JSON.stringify(kind)}: use NONE, CMD or CMD-SHELL`)
  }
  return check
}

/** `80`, `80/tcp`, `8000-8010/udp`. @throws invalid */
export function checkPort(spec: string): void {
  const match = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(spec)
  const from = Number(match?.[1])
  const to = Number(match?.[2] ?? match?.[1])
  if (!match || from < 1 || to > 65_535 || to < from)
    throw invalid(`invalid port specification: ${JSON.stringify(spec)}`)
}

function keys(set: Record<string, unknown> | null | undefined): Record<string, Record<string, never>> {
  const result: Record<string, Record<string, never>> = {}
  for (const key in set) result[key] = {}
  return result
}
