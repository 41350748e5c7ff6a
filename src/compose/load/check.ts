import { invalid } from '#lib/errors.ts'
import type { Project, Service } from '../project.ts'

/** What no single field can tell: references, circles, contradictions. @throws invalid in Compose's words */
export function check(project: Project): void {
  for (const service of Object.values(project.services)) checkService(project, service)
  checkCircles(project)
}

function checkService(project: Project, service: Service): void {
  const { name } = service
  const say = (problem: string) => invalid(`service "${name}" ${problem}`)
  if (!service.image && !service.build)
    throw say('has neither an image nor a build context specified: invalid compose project')
  if (service.network_mode && Object.keys(service.networks).length > 0) {
    throw say(`declares mutually exclusive \`network_mode\` and \`networks\`: invalid compose project`)
  }
  for (const network of Object.keys(service.networks)) {
    if (!project.networks[network]) throw say(`refers to undefined network ${network}: invalid compose project`)
  }
  for (const volume of service.volumes) {
    if (volume.type === 'volume' && volume.source && !project.volumes[volume.source]) {
      throw say(`refers to undefined volume ${volume.source}: invalid compose project`)
    }
  }
  for (const [other, dependency] of Object.entries(service.depends_on)) {
    if (project.services[other]) continue
    if (!dependency.required || project.disabled.includes(other)) delete service.depends_on[other]
    else throw say(`depends on undefined service "${other}": invalid compose project`)
  }
  for (const kind of ['configs', 'secrets'] as const) {
    for (const { source } of service[kind]) {
      if (!project[kind][source])
        throw say(`refers to undefined ${kind.slice(0, -1)} ${source}: invalid compose project`)
    }
  }
  const replicas = service.deploy?.replicas
  if (service.scale !== undefined && replicas !== undefined && service.scale !== replicas) {
    throw say(`has scale ${service.scale} and deploy.replicas ${replicas}: they must be the same`)
  }
  if (service.container_name && (service.scale ?? replicas ?? 1) > 1) {
    throw say(`has container_name ${service.container_name} and more than one replica: names must be unique`)
  }
  const limit = service.deploy?.resources?.limits
  if (service.mem_limit !== undefined && limit?.memory !== undefined && service.mem_limit !== limit.memory) {
    throw say('has different mem_limit and deploy.resources.limits.memory: keep one')
  }
  if (service.cpus !== undefined && limit?.cpus !== undefined && service.cpus !== limit.cpus) {
    throw say('has different cpus and deploy.resources.limits.cpus: keep one')
  }
}

function checkCircles(project: Project): void {
  const done = new Set<string>()
  const visit = (name: string, trail: string[]): void => {
    if (trail.includes(name)) {
      throw invalid(`dependency cycle detected: ${[...trail.slice(trail.indexOf(name)), name].join(' -> ')}`)
    }
    if (done.has(name)) return
    for (const other of Object.keys(project.services[name]?.depends_on ?? {})) visit(other, [...trail, name])
    done.add(name)
  }
  for (const name of Object.keys(project.services)) visit(name, [])
}
