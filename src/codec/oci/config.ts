import { createHash } from 'node:crypto'
import { invalid } from '#lib/errors.ts'
import { isObject, parseJson } from './manifest.ts'
import { isDigest } from './reference.ts'
import type { JsonObject } from './manifest.ts'

export interface ConfigHistory {
  created?: string
  created_by?: string
  comment?: string
  author?: string
  empty_layer?: boolean
}

/** What an image asks of its containers: the members that are set, types checked. */
export interface ImageDefaults {
  User?: string
  ExposedPorts?: Record<string, Record<string, never>>
  Env?: string[]
  Cmd?: string[] | null
  Entrypoint?: string[] | null
  Healthcheck?: JsonObject
  Volumes?: Record<string, Record<string, never>>
  WorkingDir?: string
  OnBuild?: string[]
  Labels?: Record<string, string>
  StopSignal?: string
  StopTimeout?: number
  Shell?: string[]
}

/** An image configuration (OCI image-spec config.md; Docker's is the same with a few members more). */
export interface ImageConfig {
  created: string
  author: string
  comment: string
  os: string
  architecture: string
  variant?: string
  config: ImageDefaults
  diffIds: string[]
  history: ConfigHistory[]
}

const EPOCH = '1970-01-01T00:00:00Z'
const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** @throws invalid */
export function parseConfig(bytes: Buffer): ImageConfig {
  const value = parseJson(bytes, 'image configuration')
  if (!isObject(value)) throw invalid('image configuration is not a JSON object')
  const rootfs = value['rootfs']
  const diffIds = isObject(rootfs) && Array.isArray(rootfs['diff_ids']) ? rootfs['diff_ids'] : []
  for (const id of diffIds) {
    if (typeof id !== 'string' || !isDigest(id))
      throw invalid(`image configuration has the bad diff id "${String(id)}"`)
  }
  const history = Array.isArray(value['history']) ? value['history'].filter(isObject) : []
  const variant = text(value['variant'])
  return {
    created: text(value['created']) || EPOCH,
    author: text(value['author']),
    comment: text(value['comment']),
    os: text(value['os']) || 'linux',
    architecture: text(value['architecture']) || 'amd64',
    ...(variant ? { variant } : {}),
    config: defaults(isObject(value['config']) ? value['config'] : {}),
    diffIds: diffIds as string[],
    history: history.map(historyEntry),
  }
}

function historyEntry(entry: JsonObject): ConfigHistory {
  const result: ConfigHistory = {}
  for (const key of ['created', 'created_by', 'comment', 'author'] as const) {
    if (typeof entry[key] === 'string' && entry[key] !== '') result[key] = entry[key]
  }
  if (entry['empty_layer'] === true) result.empty_layer = true
  return result
}

function defaults(config: JsonObject): ImageDefaults {
  const result: JsonObject = {}
  const strings = (value: unknown) => Array.isArray(value) && value.every(item => typeof item === 'string')
  for (const [key, value] of Object.entries(config)) {
    if (value === null || value === undefined) continue
    const kind = MEMBERS[key]
    if (kind === undefined) continue
    const fits =
      kind === 'strings'
        ? strings(value)
        : kind === 'object'
          ? isObject(value)
          : kind === 'map'
            ? isObject(value) && Object.values(value).every(item => typeof item === 'string')
            : typeof value === kind
    if (!fits) throw invalid(`image configuration has a bad value for ${key}`)
    result[key] = key === 'ExposedPorts' || key === 'Volumes' ? emptyValues(value as JsonObject) : value
  }
  return result as ImageDefaults
}

const emptyValues = (value: JsonObject) => Object.fromEntries(Object.keys(value).map(key => [key, {}]))

const MEMBERS: Record<string, 'string' | 'number' | 'strings' | 'object' | 'map'> = {
  User: 'string',
  ExposedPorts: 'object',
  Env: 'strings',
  Cmd: 'strings',
  Entrypoint: 'strings',
  Healthcheck: 'object',
  Volumes: 'object',
  WorkingDir: 'string',
  OnBuild: 'strings',
  Labels: 'map',
  StopSignal: 'string',
  StopTimeout: 'number',
  Shell: 'strings',
}

/** Config blob for an image made here. Members in a fixed order: the same image, the same id. */
export function writeConfig(image: ImageConfig): Buffer {
  const config = Object.fromEntries(
    Object.keys(MEMBERS)
      .filter(key => present((image.config as JsonObject)[key]))
      .map(key => [key, (image.config as JsonObject)[key]]),
  )
  return Buffer.from(
    JSON.stringify({
      architecture: image.architecture,
      ...(image.variant ? { variant: image.variant } : {}),
      ...(image.author ? { author: image.author } : {}),
      ...(image.comment ? { comment: image.comment } : {}),
      config,
      created: image.created,
      history: image.history,
      os: image.os,
      rootfs: { type: 'layers', diff_ids: image.diffIds },
    }),
  )
}

const present = (value: unknown) =>
  value !== undefined &&
  value !== null &&
  value !== '' &&
  !(Array.isArray(value) && value.length === 0) &&
  !(isObject(value) && Object.keys(value).length === 0)

export function sha256(bytes: Buffer | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}

/** Names of the layer stack up to each layer (OCI image-spec config.md, "Layer ChainID"). */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = []
  for (const diffId of diffIds) {
    const below = chain.at(-1)
    chain.push(below === undefined ? diffId : sha256(`${below} ${diffId}`))
  }
  return chain
}
