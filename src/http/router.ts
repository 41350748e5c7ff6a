import { invalid } from '#lib/errors.ts'
import type { Context } from './context.ts'

export type Handler = (context: Context) => Promise<void> | void

export interface Route {
  method: string
  /** `{name}` matches one segment, `{name...}` one or more. */
  path: string
  handle: Handler
  /** First API version that has it; 404 before. */
  since?: number
  /** The connection may be taken over (`Upgrade: tcp`). */
  hijack?: boolean
}

interface Compiled {
  route: Route
  pattern: RegExp
  names: string[]
}

export interface Match {
  route: Route
  params: Record<string, string>
}

/** Matches method and path (without version) to a route: fixed paths by a map, others within their first segment. */
export class Router {
  readonly #fixed = new Map<string, Route>()
  readonly #buckets = new Map<string, Compiled[]>()

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      if (!route.path.includes('{')) {
        this.#fixed.set(`${route.method} ${route.path}`, route)
        continue
      }
      const key = bucketOf(route.method, route.path)
      const bucket = this.#buckets.get(key)
      if (bucket) bucket.push(compile(route))
      else this.#buckets.set(key, [compile(route)])
    }
  }

  /** @throws invalid when the path has a broken percent escape */
  match(method: string, path: string): Match | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`)
    if (fixed) return { route: fixed, params: {} }
    const decoded = decode(path)
    for (const { route, pattern, names } of this.#buckets.get(bucketOf(method, decoded)) ?? []) {
      const found = pattern.exec(decoded)
      if (found) return { route, params: Object.fromEntries(names.map((name, i) => [name, found[i + 1]!])) }
    }
    return undefined
  }
}

function bucketOf(method: string, path: string): string {
  const end = path.indexOf('/', 1)
  return `${method} ${end < 0 ? path : path.slice(0, end)}`
}

function compile(route: Route): Compiled {
  const names: string[] = []
  const source = route.path.replace(/\{(\w+)(\.\.\.)?\}|[.*+?^$()|[\]\\]/g, (text, name: string, many?: string) => {
    if (!name) return `\\${text}`
    names.push(name)
    return many ? '(.+)' : '([^/]+)'
  })
  return { route, pattern: new RegExp(`^${source}$`, 's'), names }
}

function decode(path: string): string {
  if (!path.includes('%')) return path
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw invalid(`invalid URL escape in "${path}"`, { cause })
  }
}
