import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { invalid } from '#lib/errors.ts'
import type { Project, Service } from '../project.ts'
import { check } from './check.ts'
import { readDocument, type ComposeDocument } from './document.ts'
import { parseDotenv } from './dotenv.ts'
import { fillService } from './fill.ts'
import { isMap, list, mapOf, object, string, wrong, type Path } from './fields.ts'
import { findFiles } from './find.ts'
import { mergeMaps, mergeService } from './merge.ts'
import { readFileObject, readNetwork, readVolume } from './resources.ts'
import { serviceField, type PartialService } from './service.ts'
import { hostPath } from './volumes.ts'

export interface LoadOptions {
  /** `-f` values; empty looks for the default names. `-` is standard input. */
  files: string[]
  cwd: string
  env: Record<string, string | undefined>
  projectName?: string
  projectDirectory?: string
  /** `--env-file`; else `.env` beside the first file, if there. */
  envFiles?: string[]
  profiles?: string[]
  /** Services named on the command line: their profiles count as asked for. */
  named?: readonly string[]
  warn: (message: string) => void
  stdin?: () => Promise<string>
}

/** The sections of one file (with what it extends and includes), long forms, not yet filled with defaults. */
interface Layer {
  services: Record<string, PartialService>
  networks: Record<string, unknown>
  volumes: Record<string, unknown>
  configs: Record<string, unknown>
  secrets: Record<string, unknown>
  name?: string
}

const SECTIONS = ['services', 'networks', 'volumes', 'configs', 'secrets'] as const

/** Loads a project: find, read, interpolate, extend, include, merge, fill, check. @throws invalid with file and line */
export async function loadProject(options: LoadOptions): Promise<Project> {
  const files = await findFiles(options)
  const workingDir = resolve(options.cwd, options.projectDirectory ?? (files[0] === '-' ? '.' : dirname(files[0]!)))
  const dotenv = await readEnvFiles(options, workingDir)
  const unset = new Set<string>()
  const lookup = (name: string) => options.env[name] ?? dotenv[name]
  const reader: Reader = {
    lookup,
    read: file => readDocument(file, lookup, name => unset.add(name), options.stdin),
  }
  let layer: Layer = empty()
  for (const file of files) layer = mergeLayers(layer, await readLayer(reader, file, workingDir))
  for (const name of unset) {
    options.warn(`The "${name}" variable is not set. Defaulting to a blank string.`)
  }
  const name = projectName(options, lookup, layer.name, workingDir)
  const profiles = options.profiles?.length
    ? [...options.profiles]
    : (lookup('COMPOSE_PROFILES') ?? '').split(',').filter(Boolean)
  for (const one of options.named ?? []) profiles.push(...(layer.services[one]?.profiles ?? []))
  const project = await assemble(layer, { name, workingDir, files, profiles, lookup })
  check(project)
  return project
}

interface Reader {
  lookup: (name: string) => string | undefined
  read: (file: string) => Promise<ComposeDocument>
}

const empty = (): Layer => ({ services: {}, networks: {}, volumes: {}, configs: {}, secrets: {} })

function mergeLayers(base: Layer, over: Layer): Layer {
  const services = { ...base.services }
  for (const [name, service] of Object.entries(over.services)) {
    services[name] = services[name] ? mergeService(services[name], service) : service
  }
  const rest = Object.fromEntries(
    SECTIONS.filter(key => key !== 'services').map(key => [key, mergeMaps(base[key], over[key])]),
  )
  return { ...base, ...rest, services, name: over.name ?? base.name } as Layer
}

async function readLayer(reader: Reader, file: string, workingDir: string, trail: string[] = []): Promise<Layer> {
  const document = await reader.read(file)
  try {
    const { data } = document
    for (const key of Object.keys(data)) {
      if (key.startsWith('x-') || ['version', 'name', 'include', ...SECTIONS].includes(key)) continue
      throw wrong([key], `is not a property of a Compose file`)
    }
    const section = (key: (typeof SECTIONS)[number]) => mapOf<unknown>(value => value)(data[key], [key])
    let layer = empty()
    for (const included of includes(data['include'], workingDir)) {
      if (trail.includes(included)) throw wrong(['include'], `includes ${included} in a circle`)
      layer = mergeLayers(layer, await readLayer(reader, included, dirname(included), [...trail, file]))
    }
    const services: Layer['services'] = {}
    const raw = section('services')
    for (const name of Object.keys(raw)) {
      if (!/^[a-zA-Z0-9._-]+$/.test(name)) throw wrong(['services', name], 'is not a valid service name')
      services[name] = await readService(reader, document, name, workingDir, [])
    }
    const own = { ...section('networks') }
    return mergeLayers(layer, {
      services,
      networks: own,
      volumes: section('volumes'),
      configs: section('configs'),
      secrets: section('secrets'),
      name: data['name'] === undefined ? undefined : string(data['name'], ['name']),
    })
  } catch (error) {
    throw document.locate(error)
  }
}

function includes(value: unknown, workingDir: string): string[] {
  if (value === undefined) return []
  return list((item, path) => {
    if (!isMap(item)) return [string(item, path)]
    const one = object<{ path: string[]; project_directory: string; env_file: string }>({
      path: (paths, at) => (Array.isArray(paths) ? list(string)(paths, at) : [string(paths, at)]),
      project_directory: string,
      env_file: string,
    })(item, path)
    return one.path ?? []
  })(value, ['include'])
    .flat()
    .map(path => hostPath(path, workingDir))
}

/** A service with what it extends merged under it. `trail` finds circles. */
async function readService(
  reader: Reader,
  document: ComposeDocument,
  name: string,
  workingDir: string,
  trail: string[],
): Promise<PartialService> {
  const path: Path = ['services', name]
  const services = document.data['services']
  if (!isMap(services) || !(name in services))
    throw wrong(['services'], `has no service ${name} to extend in ${document.file}`)
  const service = serviceField(workingDir)(services[name] ?? {}, path)
  const { extends: parent, ...own } = service
  if (!parent) return own
  const step = `${document.file}#${name}`
  if (trail.includes(step)) throw wrong(path, 'extends itself in a circle')
  const file = parent.file ? hostPath(parent.file, workingDir) : document.file
  const source = file === document.file ? document : await reader.read(file)
  const base = await readService(reader, source, parent.service, parent.file ? dirname(file) : workingDir, [
    ...trail,
    step,
  ])
  return mergeService(base, own)
}

interface Setting {
  name: string
  workingDir: string
  files: string[]
  profiles: string[]
  lookup: (name: string) => string | undefined
}

async function assemble(layer: Layer, setting: Setting): Promise<Project> {
  const { name, workingDir, profiles } = setting
  const services: Record<string, Service> = {}
  const disabled: string[] = []
  for (const [key, partial] of Object.entries(layer.services)) {
    const service = await fillService(key, partial, setting.lookup)
    const active =
      service.profiles.length === 0 || service.profiles.some(p => profiles.includes(p) || profiles.includes('*'))
    if (active) services[key] = service
    else disabled.push(key)
  }
  const file = (value: unknown, key: string, kind: 'configs' | 'secrets') =>
    readFileObject(value, key, name, workingDir, setting.lookup, [kind, key])
  const read = <T>(section: Record<string, unknown>, one: (value: unknown, key: string) => T): Record<string, T> =>
    Object.fromEntries(Object.entries(section).map(([key, value]) => [key, one(value, key)]))
  const networks = { ...layer.networks }
  if (Object.values(services).some(one => 'default' in one.networks) && !('default' in networks))
    networks['default'] = null
  return {
    name,
    workingDir,
    files: setting.files,
    services,
    disabled,
    networks: read(networks, (value, key) => readNetwork(value, key, name, ['networks', key])),
    volumes: read(layer.volumes, (value, key) => readVolume(value, key, name, ['volumes', key])),
    configs: read(layer.configs, (value, key) => file(value, key, 'configs')),
    secrets: read(layer.secrets, (value, key) => file(value, key, 'secrets')),
  }
}

async function readEnvFiles(options: LoadOptions, workingDir: string): Promise<Record<string, string>> {
  const given = options.envFiles ?? []
  const result: Record<string, string> = {}
  for (const file of given.length > 0 ? given.map(one => resolve(options.cwd, one)) : [resolve(workingDir, '.env')]) {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (cause) {
      if (given.length === 0) continue
      throw invalid(`couldn't find env file: ${file}`, { cause })
    }
    Object.assign(
      result,
      parseDotenv(text, file, name => options.env[name]),
    )
  }
  return result
}

function projectName(
  options: LoadOptions,
  lookup: (name: string) => string | undefined,
  declared: string | undefined,
  workingDir: string,
): string {
  const given = options.projectName ?? (lookup('COMPOSE_PROJECT_NAME') || declared)
  const name =
    given ??
    basename(workingDir)
      .toLowerCase()
      .replace(/[^a-z0-9_-]/g, '')
      .replace(/^[_-]+/, '')
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(name)) {
    throw invalid(
      `invalid project name ${JSON.stringify(name)}: must consist only of lowercase alphanumeric characters, hyphens, and underscores as well as start with a letter or number`,
    )
  }
  return name
}
