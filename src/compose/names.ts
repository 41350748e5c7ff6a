import type { Project, Service } from './project.ts'

/** `web` number 2 of project `shop` -> `shop-web-2`, unless the service names its container. */
export function containerName(project: Project, service: Service, number: number): string {
  return service.container_name ?? `${project.name}-${service.name}-${number}`
}

/** Name of the image that a service without `image` is built as. */
export function imageName(project: Project, service: Service): string {
  return `${project.name}-${service.name}`
}

/** `links` and `external_links` as the engine takes them: `db:alias` -> `project-db-1:alias`. */
export function linksOf(project: Project, service: Service): string[] {
  const line = (link: string, nameOf: (target: string) => string) => {
    const [target, alias = target] = link.split(':') as [string, string | undefined]
    return `${nameOf(target)}:${alias}`
  }
  return [
    ...service.links.map(link =>
      line(link, target => {
        const other = project.services[target]
        return other ? containerName(project, other, 1) : target
      }),
    ),
    ...service.external_links.map(link => line(link, target => target)),
  ]
}
