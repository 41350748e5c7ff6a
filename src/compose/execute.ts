import { posix } from 'node:path'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import type { EngineClient } from '#client/index.ts'
import { BerthError, isKind, system } from '#lib/errors.ts'
import type { AuthConfig } from '#wire/index.ts'
import { fileTarget } from './host-config.ts'
import { LABEL } from './labels.ts'
import { meets } from './meets.ts'
import type { Observed } from './observe.ts'
import type { Action, Plan, Step } from './plan/step.ts'
import type { Project, Service } from './project.ts'
import { containerName, imageName } from './names.ts'
import { containerRequest, networkRequest, volumeRequest } from './request.ts'

export interface Report {
  step: Step
  /** The container that a waiting step looks at; the other steps have one object only. */
  container?: string
  /** What it came to, where that is not the same each time: `Healthy`, `Exited`. */
  state?: string
  status: 'working' | 'done' | 'failed'
  /** What is going on inside a long step. */
  detail?: string
}

export interface ExecuteOptions {
  /** Seconds to wait for a container to stop; undefined leaves it to the container. */
  timeout?: number
  onReport: (report: Report) => void
  /** Credentials for a pull. */
  authFor?: (image: string) => Promise<AuthConfig | undefined>
  /** Ids of the images that are here, by the name in the service. */
  images?: Readonly<Record<string, string | undefined>>
  signal?: AbortSignal
}

/** Runs the steps of a plan, each as soon as those it needs are done. The first failure is thrown once all have ended. */
export async function execute(
  client: EngineClient,
  project: Project | undefined,
  observed: Observed,
  plan: Plan,
  options: ExecuteOptions,
): Promise<void> {
  const executor = new Executor(client, project, observed, options)
  const running = new Map<string, Promise<void>>()
  for (const step of plan.steps) {
    const before = step.needs.map(id => running.get(id)!)
    const done = Promise.all(before).then(() => executor.run(step))
    done.catch(() => {})
    running.set(step.id, done)
  }
  const outcomes = await Promise.allSettled(running.values())
  const failed = outcomes.find(outcome => outcome.status === 'rejected')
  if (failed) throw failed.reason
}

class Executor {
  readonly #client: EngineClient
  readonly #project: Project | undefined
  readonly #observed: Observed
  readonly #options: ExecuteOptions
  /** Ids by container name, of those made in this run too. */
  readonly #ids = new Map<string, string>()
  readonly #images: Map<string, string>

  constructor(client: EngineClient, project: Project | undefined, observed: Observed, options: ExecuteOptions) {
    this.#client = client
    this.#project = project
    this.#observed = observed
    this.#options = options
    for (const one of observed.containers) this.#ids.set(one.name, one.id)
    this.#images = new Map(Object.entries(options.images ?? {}).flatMap(([name, id]) => (id ? [[name, id]] : [])))
  }

  async run(step: Step): Promise<void> {
    this.#options.signal?.throwIfAborted()
    this.#options.onReport({ step, status: 'working' })
    try {
      await this.#act(step, detail => this.#options.onReport({ step, status: 'working', detail }))
    } catch (error) {
      this.#options.onReport({ step, status: 'failed', detail: (error as Error).message })
      throw named(step.action, error)
    }
    this.#options.onReport({ step, status: 'done' })
  }

  async #act(step: Step, progress: (detail: string) => void): Promise<void> {
    const client = this.#client
    const { action } = step
    switch (action.kind) {
      case 'create-network':
        await client.networks.create(networkRequest(this.#own(), action.key, this.#own().networks[action.key]!))
        return
      case 'remove-network':
        return gone(client.networks.remove(action.name))
      case 'create-volume':
        await client.volumes.create(volumeRequest(this.#own(), action.key, this.#own().volumes[action.key]!))
        return
      case 'remove-volume':
        return gone(client.volumes.remove(action.name))
      case 'remove-image':
        return gone(client.images.remove(action.image))
      case 'pull-image':
        return this.#pull(action.image, progress)
      case 'create-container':
        return this.#create(action.service, action.number)
      case 'replace-container':
        return this.#replace(action)
      case 'start-container':
        return this.#start(action)
      case 'restart-container':
        return client.containers.restart(action.id, { timeout: this.#options.timeout })
      case 'stop-container':
        await gone(client.containers.stop(action.id, { timeout: this.#options.timeout }))
        return
      case 'rename-container':
        return client.containers.rename(action.id, action.name)
      case 'remove-container':
        await gone(client.containers.remove(action.id, { force: true, volumes: action.volumes }))
        await Promise.all((action.anonymous ?? []).map(volume => unused(client.volumes.remove(volume))))
        return
      case 'await':
        return this.#await(step, action)
    }
  }

  #own(): Project {
    if (!this.#project) throw system('this step needs the Compose file, which was not loaded')
    return this.#project
  }

  #idOf(name: string): string {
    const id = this.#ids.get(name)
    if (!id) throw system(`container ${name} was not created`)
    return id
  }

  async #pull(image: string, progress: (detail: string) => void): Promise<void> {
    const auth = await this.#options.authFor?.(image)
    const lines = await this.#client.images.pull(image, { auth, signal: this.#options.signal })
    for await (const line of lines) {
      if (line.error) throw system(line.error)
      if (line.status) progress(line.id ? `${line.id} ${line.status}` : line.status)
    }
    this.#images.set(image, (await this.#client.images.inspect(image)).Id)
  }

  #request(service: Service, number: number, inherited?: { volumes: Record<string, string> }) {
    const project = this.#own()
    return containerRequest(project, service, number, {
      imageId: this.#images.get(service.image ?? imageName(project, service)),
      inherited,
      replaces: inherited !== undefined,
      containerOf: name => {
        const other = project.services[name]
        return other ? this.#idOf(containerName(project, other, 1)) : name
      },
    })
  }

  async #create(serviceName: string, number: number): Promise<void> {
    const project = this.#own()
    const service = project.services[serviceName]!
    const name = containerName(project, service, number)
    const request = this.#request(service, number)
    const created = await this.#client.containers.create(request, { name, platform: service.platform })
    this.#ids.set(name, created.Id)
    await this.#writeFiles(created.Id, service)
  }

  async #start(action: Extract<Action, { kind: 'start-container' }>): Promise<void> {
    const id = action.id ?? this.#idOf(action.name)
    const service = this.#project?.services[action.service]
    const created = this.#observed.containers.some(one => one.id === action.id && one.state === 'created')
    // An earlier run may have been cut short between the creation and the files.
    if (created && service) await this.#writeFiles(id, service)
    await this.#client.containers.start(id)
  }

  /**
   * The new container is made under a passing name before the old one goes, so that a refused creation leaves the old
   * one as it was.
   */
  async #replace(action: Extract<Action, { kind: 'replace-container' }>): Promise<void> {
    const project = this.#own()
    const service = project.services[action.service]!
    const old = this.#observed.containers.find(one => one.id === action.old)!
    const volumes = action.renewVolumes ? {} : await this.#carriedOver(service, old.anonymous)
    const request = this.#request(service, action.number, { volumes })
    const passing = `${old.id.slice(0, 12)}_${action.name}`
    const created = await this.#client.containers.create(request, { name: passing, platform: service.platform })
    try {
      await this.#writeFiles(created.Id, service)
      await gone(this.#client.containers.stop(old.id, { timeout: this.#options.timeout }))
      await gone(this.#client.containers.remove(old.id, { force: true, volumes: action.renewVolumes }))
      await this.#client.containers.rename(created.Id, action.name)
    } catch (error) {
      await this.#client.containers.remove(created.Id, { force: true }).catch(() => {})
      throw error
    }
    this.#ids.set(action.name, created.Id)
    const left = Object.values(old.anonymous).filter(volume => !Object.values(volumes).includes(volume))
    if (action.renewVolumes) await Promise.all(left.map(volume => unused(this.#client.volumes.remove(volume))))
  }

  /** The anonymous volumes that the new container still has a place for: in the service, or in its image. */
  async #carriedOver(service: Service, anonymous: Record<string, string>): Promise<Record<string, string>> {
    const targets = new Set(service.volumes.map(one => posix.normalize(one.target)))
    const entries = Object.entries(anonymous)
    if (entries.some(([target]) => !targets.has(target))) {
      const image = await this.#client.images.inspect(service.image ?? imageName(this.#own(), service))
      for (const target of Object.keys(image.Config?.Volumes ?? {})) targets.add(posix.normalize(target))
    }
    return Object.fromEntries(entries.filter(([target]) => targets.has(target)))
  }

  /** Configs and secrets that are no files on the host are written into the container. */
  async #writeFiles(id: string, service: Service): Promise<void> {
    const project = this.#own()
    const entries = [
      ...service.configs.map(reference => ({ reference, object: project.configs[reference.source]!, directory: '' })),
      ...service.secrets.map(reference => ({
        reference,
        object: project.secrets[reference.source]!,
        directory: '/run/secrets',
      })),
    ].filter(({ object }) => object.content !== undefined || object.environment !== undefined)
    if (entries.length === 0) return
    const tar = pack()
    for (const { reference, object, directory } of entries) {
      const text = object.content ?? object.value ?? ''
      const { mode = 0o444, uid = '0', gid = '0' } = reference
      tar.entry({ name: fileTarget(reference, directory).slice(1), mode, uid: Number(uid), gid: Number(gid) }, text)
    }
    tar.finalize()
    await this.#client.containers.archivePut(id, '/', Readable.from(tar))
  }

  async #await(step: Step, action: Extract<Action, { kind: 'await' }>): Promise<void> {
    const project = this.#own()
    const { service, condition } = action
    const fresh = await this.#client.containers.list({
      all: true,
      filters: { label: [`${LABEL.project}=${project.name}`, `${LABEL.service}=${service}`] },
    })
    const mine = fresh.filter(one => one.Labels[LABEL.oneoff] !== 'True')
    const tell = (status: Report['status'], container: string, state?: string) =>
      this.#options.onReport({ step, status, container, state })
    const waits = mine.map(async one => {
      const container = one.Names[0]?.slice(1) ?? one.Id.slice(0, 12)
      tell('working', container)
      try {
        await meets(this.#client, one.Id, condition, { service, signal: this.#options.signal })
        tell('done', container, condition === 'service_healthy' ? 'Healthy' : 'Exited')
      } catch (error) {
        tell('failed', container)
        if (action.required) throw error
      }
    })
    await Promise.all(waits)
  }
}

/** What is not clear from the engine's words alone: whose error it is. */
function named(action: Action, error: unknown): unknown {
  if (!(error instanceof BerthError) || action.kind === 'await') return error
  const name = 'name' in action ? action.name : action.image
  if (error.message.includes(name)) return error
  const noun = /-(\w+)$/.exec(action.kind)?.[1] ?? ''
  return new BerthError(error.kind, `${noun} ${name}: ${error.message}`, { cause: error.cause, details: error.details })
}

/** Already gone, or already so, is success. */
async function gone(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isKind(error, 'not-found') && !isKind(error, 'not-modified')) throw error
  }
}

/** An anonymous volume that another container took over stays. */
async function unused(work: Promise<unknown>): Promise<void> {
  try {
    await gone(work)
  } catch (error) {
    if (!isKind(error, 'conflict')) throw error
  }
}
