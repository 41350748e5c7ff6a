import { invalid, notFound } from '#lib/errors.ts'
import { networkHash, serviceHash, volumeHash } from '../hash.ts'
import type { Observed, ObservedContainer } from '../observe.ts'
import type { Project, Service } from '../project.ts'
import { containerName, imageName } from '../names.ts'
import { addStep, isAlive } from './order.ts'
import type { Action, Plan, Step } from './step.ts'

export interface UpOptions {
  /** Services named by the user; empty means all. */
  services: string[]
  noDeps: boolean
  forceRecreate: boolean
  noRecreate: boolean
  alwaysRecreateDeps: boolean
  renewVolumes: boolean
  removeOrphans: boolean
  /** Create only (`compose create`, `up --no-start`). */
  noStart: boolean
  scale: Record<string, number>
  /** `--pull`; undefined leaves it to each service. */
  pull?: string
  /** Id of each image that is here, by the name in the service. */
  images: Readonly<Record<string, string | undefined>>
}

/** Decides what `up` does; touches nothing. Steps come in a workable order; `needs` says what may run at once. */
export function planUp(project: Project, observed: Observed, options: UpOptions): Plan {
  return new UpPlanner(project, observed, options).run()
}

/** The services that `names` ask for, with what they depend on, dependencies first. */
export function selectServices(project: Project, names: string[], noDeps: boolean): string[] {
  const order: string[] = []
  const visit = (name: string) => {
    if (order.includes(name)) return
    const service = project.services[name]
    if (!service) throw notFound(`no such service: ${name}`)
    if (!noDeps) for (const other of Object.keys(service.depends_on)) visit(other)
    if (!order.includes(name)) order.push(name)
  }
  for (const name of names.length > 0 ? names : Object.keys(project.services)) visit(name)
  return order
}

class UpPlanner {
  readonly #project: Project
  readonly #observed: Observed
  readonly #options: UpOptions
  readonly #steps: Step[] = []
  readonly #warnings: string[] = []
  /** Step ids that make a resource ready, by network or volume key, image and service. */
  readonly #makes = {
    networks: new Map<string, string>(),
    volumes: new Map<string, string>(),
    images: new Map<string, string>(),
  }
  readonly #starts = new Map<string, string[]>()
  /** Steps that make a container of a service: all there is to wait for when nothing is to start. */
  readonly #creates = new Map<string, string[]>()
  readonly #replaced = new Set<string>()
  readonly #changedNetworks = new Set<string>()

  constructor(project: Project, observed: Observed, options: UpOptions) {
    this.#project = project
    this.#observed = observed
    this.#options = options
  }

  run(): Plan {
    const { services: names, noDeps } = this.#options
    const selected = selectServices(this.#project, names, noDeps)
    for (const name of Object.keys(this.#options.scale)) {
      if (!this.#project.services[name]) throw notFound(`no such service: ${name}`)
    }
    this.#orphans()
    this.#networks(selected)
    this.#volumes(selected)
    for (const name of selected) this.#image(this.#project.services[name]!)
    for (const name of selected) this.#service(this.#project.services[name]!)
    return { steps: this.#steps, warnings: this.#warnings }
  }

  #add(action: Action, cause: string, needs: (string | undefined)[] = []): string {
    const present = needs.filter(one => one !== undefined)
    return addStep(this.#steps, action, cause, present)
  }

  #orphans(): void {
    const known = new Set([...Object.keys(this.#project.services), ...this.#project.disabled])
    const orphans = this.#observed.containers.filter(one => !one.oneoff && !known.has(one.service))
    if (orphans.length === 0) return
    if (!this.#options.removeOrphans) {
      const list = orphans.map(one => one.name).join(', ')
      this.#warnings.push(
        `Found orphan containers (${list}) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
      )
      return
    }
    for (const one of orphans) this.#remove(one, `service ${one.service} is no longer in the project`)
  }

  #remove(one: ObservedContainer, cause: string): string {
    const stop = isAlive(one) ? this.#add({ kind: 'stop-container', name: one.name, id: one.id }, cause) : undefined
    return this.#add({ kind: 'remove-container', name: one.name, id: one.id, volumes: false }, cause, [stop])
  }

  #networks(selected: string[]): void {
    const used = new Set(selected.flatMap(name => Object.keys(this.#project.services[name]!.networks)))
    for (const key of used) {
      const network = this.#project.networks[key]!
      const existing = this.#observed.networks[network.name]
      if (network.external) {
        if (!existing && !['host', 'none', 'bridge'].includes(network.name)) {
          throw notFound(`network ${network.name} declared as external, but could not be found`)
        }
        continue
      }
      if (!existing) {
        this.#makes.networks.set(
          key,
          this.#add({ kind: 'create-network', key, name: network.name }, 'it does not exist'),
        )
      } else if (existing.key !== key || existing.project !== this.#project.name) {
        throw invalid(
          `network ${network.name} was found but has incorrect label com.docker.compose.network set to "${existing.key}" (expected: "${key}")`,
        )
      } else if (existing.hash !== '' && existing.hash !== networkHash(network)) {
        this.#replaceNetwork(key, network.name)
      }
    }
  }

  /** A network cannot change in place: its containers go first and are made anew on the new one. */
  #replaceNetwork(key: string, name: string): void {
    this.#changedNetworks.add(key)
    const cause = `network ${key} changed in the Compose file`
    const stops = this.#observed.containers
      .filter(one => one.networks.includes(name))
      .map(one => this.#add({ kind: 'stop-container', name: one.name, id: one.id }, cause))
    const removed = this.#add({ kind: 'remove-network', name }, cause, stops)
    this.#makes.networks.set(key, this.#add({ kind: 'create-network', key, name }, cause, [removed]))
  }

  #volumes(selected: string[]): void {
    const used = new Set(
      selected.flatMap(name =>
        this.#project.services[name]!.volumes.flatMap(one => (one.type === 'volume' && one.source ? [one.source] : [])),
      ),
    )
    for (const key of used) {
      const volume = this.#project.volumes[key]!
      const existing = this.#observed.volumes[volume.name]
      if (volume.external) {
        if (!existing) throw notFound(`external volume "${volume.name}" not found`)
      } else if (!existing) {
        this.#makes.volumes.set(key, this.#add({ kind: 'create-volume', key, name: volume.name }, 'it does not exist'))
      } else if (existing.project !== this.#project.name) {
        this.#warnings.push(
          `volume "${volume.name}" already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
        )
      } else if (existing.hash !== '' && existing.hash !== volumeHash(volume)) {
        this.#warnings.push(
          `volume "${volume.name}" exists with another configuration: it is kept as it is, with its data`,
        )
      }
    }
  }

  #image(service: Service): void {
    const image = service.image ?? imageName(this.#project, service)
    const policy = this.#options.pull ?? service.pull_policy ?? 'missing'
    const here = this.#options.images[image] !== undefined
    if (this.#makes.images.has(image) || (here && policy !== 'always')) return
    if (service.build && !service.image) {
      throw invalid(
        `service "${service.name}" is to be built, which Berth cannot do yet: build ${image} elsewhere and load it`,
      )
    }
    if (!here && policy === 'never') {
      throw notFound(`No such image: ${image}: service ${service.name} must not pull it`)
    }
    const cause = here ? 'pull policy always' : 'it is not here'
    this.#makes.images.set(image, this.#add({ kind: 'pull-image', image, service: service.name }, cause))
  }

  #service(service: Service): void {
    const wanted = this.#options.scale[service.name] ?? service.scale ?? service.deploy?.replicas ?? 1
    if (service.container_name && wanted > 1) {
      throw invalid(
        `service "${service.name}" has container_name ${service.container_name} and cannot have ${wanted} replicas`,
      )
    }
    this.#files(service)
    const mine = this.#observed.containers.filter(one => one.service === service.name && !one.oneoff)
    const { existing, ready } = this.#mend(service, mine)
    const kept = existing.slice(0, wanted)
    for (const extra of existing.slice(wanted)) this.#remove(extra, `scale is ${wanted}`)
    // Only a container that starts has something to wait for, and all replicas wait once.
    let conditions: string[] | undefined
    const waits = () => (conditions ??= this.#conditions(service))
    const starts: string[] = []
    for (const one of kept) starts.push(...this.#keep(service, one, ready, waits))
    const taken = new Set(existing.map(one => one.number))
    for (let number = 1, missing = wanted - kept.length; missing > 0; number++) {
      if (taken.has(number)) continue
      missing--
      const name = containerName(this.#project, service, number)
      const made = this.#add(
        { kind: 'create-container', service: service.name, number, name },
        'it does not exist',
        this.#ingredients(service),
      )
      this.#creates.set(service.name, [...(this.#creates.get(service.name) ?? []), made])
      if (this.#options.noStart) continue
      starts.push(
        this.#add({ kind: 'start-container', service: service.name, number, name }, 'it is new', [made, ...waits()]),
      )
    }
    this.#starts.set(service.name, starts)
  }

  /** Validate everything before changing anything: what a variable must hold, it holds. */
  #files(service: Service): void {
    for (const kind of ['configs', 'secrets'] as const) {
      for (const { source } of service[kind]) {
        const { environment, value } = this.#project[kind][source]!
        if (environment === undefined || value !== undefined) continue
        throw invalid(
          `environment variable "${environment}" required by ${kind.slice(0, -1)} "${source}" is not set (service "${service.name}")`,
        )
      }
    }
  }

  /**
   * A recreation that was cut short left a container under a passing name: it goes while the one it was to replace is
   * there, else it is the only one with the data and takes its name.
   * @returns the service's containers by number, and the steps after which they are
   */
  #mend(service: Service, mine: ObservedContainer[]): { existing: ObservedContainer[]; ready: string[] } {
    const cause = 'an earlier recreation was cut short'
    const isPassing = (one: ObservedContainer) =>
      one.replaces !== '' && one.name !== containerName(this.#project, service, one.number)
    const existing = mine.filter(one => !isPassing(one))
    const ready: string[] = []
    for (const one of mine) {
      if (!isPassing(one)) continue
      const name = containerName(this.#project, service, one.number)
      if (existing.some(other => other.id.startsWith(one.replaces) || other.number === one.number)) {
        ready.push(this.#remove(one, cause))
      } else {
        ready.push(this.#add({ kind: 'rename-container', name, id: one.id }, cause))
        existing.push({ ...one, name, replaces: '' })
      }
    }
    return { existing: existing.sort((a, b) => a.number - b.number), ready }
  }

  /** A container that exists: made anew, started, restarted or left alone. @returns the steps after which it runs */
  #keep(service: Service, one: ObservedContainer, ready: string[], waits: () => string[]): string[] {
    const cause = this.#obsolete(service, one)
    const { number, name, id } = one
    if (cause) {
      this.#replaced.add(service.name)
      const { renewVolumes } = this.#options
      const made = this.#add(
        {
          kind: 'replace-container',
          service: service.name,
          number,
          name: containerName(this.#project, service, number),
          old: id,
          renewVolumes,
        },
        cause,
        [...ready, ...this.#ingredients(service)],
      )
      this.#creates.set(service.name, [...(this.#creates.get(service.name) ?? []), made])
      if (this.#options.noStart) return []
      return [
        this.#add({ kind: 'start-container', service: service.name, number, name }, 'it was made anew', [
          made,
          ...waits(),
        ]),
      ]
    }
    if (this.#options.noStart) return []
    if (one.state !== 'running') {
      return [
        this.#add({ kind: 'start-container', service: service.name, number, name, id }, `it is ${one.state}`, [
          ...ready,
          ...waits(),
        ]),
      ]
    }
    const changed = Object.entries(service.depends_on).find(
      ([other, { restart }]) => restart && this.#replaced.has(other),
    )
    if (changed) return [this.#add({ kind: 'restart-container', name, id }, `${changed[0]} was made anew`, waits())]
    return []
  }

  /** Why a container must be made anew; undefined when it is as it should be. */
  #obsolete(service: Service, one: ObservedContainer): string | undefined {
    const { services, noRecreate, forceRecreate, alwaysRecreateDeps, images } = this.#options
    if (noRecreate) return undefined
    const named = services.length === 0 || services.includes(service.name)
    if (forceRecreate && (named || alwaysRecreateDeps)) return 'recreation was asked for'
    if (!named && alwaysRecreateDeps) return 'recreation of dependencies was asked for'
    if (one.hash !== serviceHash(this.#project, service)) return 'its configuration changed'
    const image = images[service.image ?? imageName(this.#project, service)]
    if (image !== undefined && image !== one.imageId) return 'its image changed'
    if (Object.keys(service.networks).some(key => this.#changedNetworks.has(key))) return 'a network of it changed'
    // It names the container that is gone by its id.
    const lender = sharedWith(service).find(other => this.#replaced.has(other))
    if (lender) return `${lender}, whose namespaces it shares, was made anew`
    return undefined
  }

  /** Steps that must be done before a container of the service can be created. */
  #ingredients(service: Service): (string | undefined)[] {
    return [
      this.#makes.images.get(service.image ?? imageName(this.#project, service)),
      ...Object.keys(service.networks).map(key => this.#makes.networks.get(key)),
      ...service.volumes.map(volume => (volume.source ? this.#makes.volumes.get(volume.source) : undefined)),
      // `container:` modes and volumes_from name containers, which must exist at creation.
      ...Object.keys(service.depends_on).flatMap(other =>
        sharedWith(service).includes(other) || service.volumes_from.some(from => from.split(':')[0] === other)
          ? ((this.#options.noStart ? this.#creates : this.#starts).get(other) ?? [])
          : [],
      ),
    ]
  }

  /** Steps that must be done before a container of the service may start. */
  #conditions(service: Service): string[] {
    return Object.entries(service.depends_on).flatMap(([other, { condition, required }]) => {
      const starts = this.#starts.get(other)
      if (!starts) return []
      if (condition === 'service_started') return starts
      const cause = `${service.name} depends on it`
      return [this.#add({ kind: 'await', service: other, condition, required }, cause, starts)]
    })
  }
}

/** Services whose namespaces a service uses. */
function sharedWith(service: Service): string[] {
  return [service.network_mode, service.ipc, service.pid].flatMap(mode => /^service:(.+)$/.exec(mode ?? '')?.[1] ?? [])
}
