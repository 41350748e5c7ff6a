import { invalid } from '#lib/errors.ts'
import type { Context, LiveSandbox } from './context.ts'

export interface Link {
  /** Name or id of the container that is meant. */
  target: string
  alias: string
}

/** `container`, `container:alias`, or as stored `/container:/parent/alias`. @throws invalid in Docker's words */
export function parseLinks(links: readonly string[]): Link[] {
  return links.map(text => {
    const [target = '', alias = '', ...rest] = text.split(':')
    const name = target.replace(/^\//, '')
    if (name === '' || rest.length > 0) throw invalid(`bad format for links: ${text}`)
    return { target: name, alias: alias.split('/').at(-1) || name }
  })
}

/** Legacy links of the default network: lines of /etc/hosts. @throws invalid when the target does not run there */
export function linkLines(
  ctx: Context,
  links: readonly Link[],
  networkId: string,
): { address: string; names: string[] }[] {
  return links.map(({ target, alias }) => {
    const sandbox = find(ctx, target)
    const address = sandbox?.endpoints.get(networkId)?.ipv4
    if (!sandbox || !address) {
      throw invalid(`cannot link to a non running container: ${target} AS ${alias} on the default network`)
    }
    const { name, hostname } = sandbox.owner
    return { address, names: [...new Set([alias, hostname || sandbox.owner.id.slice(0, 12), name])] }
  })
}

/** Links as private DNS names: alias to container name, lower case. */
export function linkNames(ctx: Context, links: readonly Link[]): Map<string, string> {
  return new Map(
    links.map(({ target, alias }) => {
      const name = find(ctx, target)?.owner.name ?? target
      return [alias.toLowerCase(), name.toLowerCase()]
    }),
  )
}

/** Running containers with a legacy link to this one. */
export function linkedTo(ctx: Context, containerId: string): string[] {
  const target = ctx.live.get(containerId)
  if (!target) return []
  return [...ctx.linking].flatMap(({ owner, ready }) => {
    const links = ready && parseLinks(owner.links).some(link => find(ctx, link.target) === target)
    return links ? [owner.id] : []
  })
}

function find(ctx: Context, reference: string): LiveSandbox | undefined {
  const exact = ctx.live.get(reference)
  if (exact) return exact
  for (const sandbox of ctx.live.values()) {
    if (sandbox.ready && (sandbox.owner.name === reference || sandbox.owner.id.startsWith(reference))) return sandbox
  }
  return undefined
}
