import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import type { EngineClient } from '#client/index.ts'
import { BerthError, isKind, system } from '#lib/errors.ts'
import type { AuthConfig, EventMessage } from '#wire/index.ts'
import { fileTarget } from './host-config.ts'
import type { Observed } from './observe.ts'
import type { Action, Plan, Step } from './plan/step.ts'
import type { Project, Service } from './project.ts'
import { containerName, containerRequest, networkRequest, volumeRequest } from './request.ts'

export interface Report {
  step: Step
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
  /** Values of `environment:` configs and secrets. */
  env: Record<string, string | undefined>
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
  readonly #failed = new Set<Step>()

  constructor(client: EngineClient, project: Project | undefined, observed: Observed, options: ExecuteOptions) {
    this.#client = client
    this.#project = project
    this.#observed = observed
    this.#options = options
    for (const one of observed.containers) this.#ids.set(one.name, one.id)
  }

  async run(step: Step): Promise<void> {
    this.#options.signal?.throwIfAborted()
    this.#options.onReport({ step, status: 'working' })
    try {
      await this.#act(step.action, detail => this.#options.onReport({ step, status: 'working', detail }))
    } catch (error) {
      this.#failed.add(step)
      this.#options.onReport({ step, status: 'failed', detail: (error as Error).message })
      throw error
    }
    this.#options.onReport({ step, status: 'done' })
  }

  async #act(action: Action, progress: (detail: string) => void): Promise<void> {
    const client = this.#client
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
        await client.containers.start(action.id ?? this.#idOf(action.name))
        return
      case 'restart-container':
        return client.containers.restart(action.id, { timeout: this.#options.timeout })
      case 'stop-container':
        await gone(client.containers.stop(action.id, { timeout: this.#options.timeout }))
        return
      case 'remove-container':
        return gone(client.containers.remove(action.id, { force: true, volumes: action.volumes }))
      case 'await':
        return this.#await(action)
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
  }

  #request(service: Service, number: number, volumes: Record<string, string>) {
    const project = this.#own()
    return containerRequest(project, service, number, {
      inherited: { volumes },
      containerOf: name => {
        const other = project.services[name]
        return other ? this.#idOf(containerName(project, other, 1)) : name
      },
    })
  }

  async #create(serviceName: string, number: number, volumes: Record<string, string> = {}): Promise<void> {
    const project = this.#own()
    const service = project.services[serviceName]!
    const name = containerName(project, service, number)
    const request = this.#request(service, number, volumes)
    const created = await this.#client.containers.create(request, { name, platform: service.platform })
    this.#ids.set(name, created.Id)
    await this.#writeFiles(created.Id, service)
  }

  /**
   * The new container is made under a passing name before the old one goes, so that a refused creation leaves the old
   * one as it was.
   */
  async #replace(action: Extract<Action, { kind: 'replace-container' }>): Promise<void> {
    const project = this.#own()
    const service = project.services[action.service]!
    const old = this.#observed.containers.find(one => one.id === action.old)!
    const volumes = action.renewVolumes ? {} : old.anonymous
    const request = this.#request(service, action.number, volumes)
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
      const text = object.content ?? this.#options.env[object.environment!]
      if (text === undefined) throw system(`environment variable ${object.environment} of ${object.name} is not set`)
      const { mode = 0o444, uid = '0', gid = '0' } = reference
      tar.entry({ name: fileTarget(reference, directory).slice(1), mode, uid: Number(uid), gid: Number(gid) }, text)
    }
    tar.finalize()
    await this.#client.containers.archivePut(id, '/', Readable.from(tar))
  }

  async #await(action: Extract<Action, { kind: 'await' }>): Promise<void> {
    const project = this.#own()
    const fresh = await this.#client.containers.list({
      all: true,
      filters: {
        label: [`com.docker.compose.project=${project.name}`, `com.docker.compose.service=${action.service}`],
      },
    })
    const ids = fresh.filter(one => one.Labels['com.docker.compose.oneoff'] !== 'True').map(one => one.Id)
    try {
      await Promise.all(ids.map(id => meets(this.#client, id, action.condition, this.#options.signal)))
    } catch (error) {
      if (action.required) throw error
    }
  }
}

/**
 * Resolves when a container is healthy, or has ended with 0; rejects when it never will be.
 * The events are subscribed to before the first look, so that no change falls between.
 */
export async function meets(
  client: EngineClient,
  id: string,
  condition: 'service_healthy' | 'service_completed_successfully' | 'running_or_healthy',
  signal?: AbortSignal,
): Promise<void> {
  const stop = new AbortController()
  const both = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal
  const events = await client.events.stream({ filters: { container: [id], type: ['container'] }, signal: both })
  try {
    if (await look(client, id, condition)) return
    for await (const event of events) if (tells(event) && (await look(client, id, condition))) return
    throw new BerthError('unavailable', 'the daemon closed the event stream')
  } finally {
    stop.abort()
    await events.return(undefined).catch(() => {})
  }
}

const tells = (event: EventMessage) => /^(health_status|die|start|stop|destroy|oom)/.test(event.Action)

async function look(client: EngineClient, id: string, condition: string): Promise<boolean> {
  const { Name, State } = await client.containers.inspect(id)
  const name = Name.slice(1)
  const fail = (what: string) => system(`dependency failed to start: container ${name} ${what}`)
  if (condition === 'service_completed_successfully') {
    if (State.Status !== 'exited') return false
    if (State.ExitCode !== 0) throw system(`service "${name}" didn't complete successfully: exit ${State.ExitCode}`)
    return true
  }
  if (State.Status === 'exited' || State.Status === 'dead') throw fail(`exited (${State.ExitCode})`)
  if (!State.Health || State.Health.Status === 'none') {
    if (condition === 'running_or_healthy') return State.Running
    throw fail('has no healthcheck configured')
  }
  if (State.Health.Status === 'unhealthy') throw fail('is unhealthy')
  return State.Health.Status === 'healthy'
}

/** Already gone, or already so, is success. */
async function gone(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isKind(error, 'not-found') && !isKind(error, 'not-modified')) throw error
  }
}
