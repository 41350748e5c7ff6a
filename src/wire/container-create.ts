import { invalid } from '#lib/errors.ts'
import type { ContainerChange, ContainerConfig, EndpointRequest, HostConfig } from '#model/config.ts'
import { containerConfig } from './container-config.ts'
import { configSchema, createSchema, updateSchema } from './container-schema.ts'
import { mergeEndpoints } from './endpoints.ts'
import { hostConfig, portBindings, restartPolicy, type HostDefaults } from './host-config.ts'
import { someResources } from './resources.ts'
import { parse } from './schema.ts'

const NAME = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/
/** Bytes; names become host names and file names. */
const MAX_NAME = 255

/** A name without the slash; '' stays. @throws invalid in Docker's words */
export function containerName(name: string): string {
  if (name === '') return ''
  if (!NAME.test(name) || name.length > MAX_NAME) {
    throw invalid(`Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  }
  return name.replace(/^\//, '')
}

export interface CreateOptions extends HostDefaults {
  version: number
  nameOf: (reference: string) => string
}

/** Body of `POST /containers/create`, complete with defaults. @throws invalid naming the field */
export function createRequest(
  body: unknown,
  options: CreateOptions,
): { config: ContainerConfig; hostConfig: HostConfig; endpoints: Record<string, EndpointRequest> } {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body')
  if (body === null) throw invalid('config cannot be empty in order to create a container')
  const parsed = parse(createSchema, body)
  const config = containerConfig(parsed)
  if (config.Image === '') throw invalid('no image specified: set Image in the config')
  const host = hostConfig(parsed.HostConfig ?? {}, options)
  checkTogether(config, host)
  const endpoints = mergeEndpoints({
    networkMode: host.NetworkMode,
    disabled: config.NetworkDisabled ?? false,
    bodies: parsed.NetworkingConfig?.EndpointsConfig ?? {},
    mac: parsed.MacAddress ?? '',
    version: options.version,
    nameOf: options.nameOf,
  })
  return { config, hostConfig: host, endpoints }
}

function checkTogether(config: ContainerConfig, host: HostConfig): void {
  if (config.Hostname !== '' && host.UTSMode === 'host') {
    throw invalid('conflicting options: hostname and the UTS mode')
  }
  if (host.NetworkMode.startsWith('container:')) {
    if (config.Hostname !== '') throw invalid('conflicting options: hostname and the network mode')
    if (Object.keys(config.ExposedPorts).length > 0) {
      throw invalid('conflicting options: port exposing and the container type network mode')
    }
  }
}

/** Body of `POST /containers/{id}/update`: what it changes. @throws invalid naming the field */
export function updateRequest(body: unknown): ContainerChange {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body')
  const parsed = parse(updateSchema, body)
  const change: ContainerChange = someResources(parsed)
  if (parsed.RestartPolicy?.Name) change.RestartPolicy = restartPolicy(parsed.RestartPolicy)
  if (parsed.PublishAdd) change.PublishAdd = portBindings(parsed.PublishAdd)
  if (typeof parsed.Egress === 'string') change.Egress = parsed.Egress
  if (parsed.PublishRemove) change.PublishRemove = portBindings(parsed.PublishRemove)
  return change
}

/** Body of `POST /commit`: only what it sets. @throws invalid naming the field */
export function commitConfig(body: unknown): Partial<ContainerConfig> | undefined {
  if (body === undefined || body === null) return undefined
  const parsed = parse(configSchema, body)
  const whole = containerConfig(parsed)
  const set = Object.entries(whole).filter(([key]) => {
    const value = (parsed as Record<string, unknown>)[key]
    return value !== undefined && value !== null && value !== '' && value !== false
  })
  return set.length > 0 ? (Object.fromEntries(set) as Partial<ContainerConfig>) : undefined
}

/**
 * Compiles the validators, which takes tens of milliseconds once: call it when nobody waits, so that the first
 * `docker run` does not.
 */
export function warmUp(): void {
  const options: CreateOptions = { cgroupVersion: '2', runtime: '', version: 51, nameOf: name => name }
  createRequest({ Image: 'x', HostConfig: {}, NetworkingConfig: { EndpointsConfig: { bridge: {} } } }, options)
}
