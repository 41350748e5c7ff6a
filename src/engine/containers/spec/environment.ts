import { mergeEnv } from '../create/merge-config.ts'

export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** The environment of a container's own process: Docker's defaults, the configured variables, HOME of the user. */
export function containerEnv(config: { Env: string[]; Tty: boolean }, hostname: string, home: string): string[] {
  const defaults = [DEFAULT_PATH, `HOSTNAME=${hostname}`, ...(config.Tty ? ['TERM=xterm'] : [])]
  return withHome(overlayEnv(defaults, config.Env), home)
}

/** The environment of an exec: the container's, then its own. */
export function execEnv(container: string[], own: string[], tty: boolean, home: string): string[] {
  const base = tty ? overlayEnv(['TERM=xterm'], container) : container
  return withHome(overlayEnv(base, own), home)
}

/** `base` with `over` on top, by key, in order of first appearance. An entry without `=` unsets its key. */
export function overlayEnv(base: readonly string[], over: readonly string[]): string[] {
  const merged = new Map(base.map(entry => [keyOf(entry), entry] as const))
  for (const entry of mergeEnv(over, [])) {
    if (entry.includes('=')) merged.set(keyOf(entry), entry)
    else merged.delete(entry)
  }
  return Array.from(merged.values())
}

function withHome(env: string[], home: string): string[] {
  return env.some(entry => keyOf(entry) === 'HOME') ? env : [...env, `HOME=${home}`]
}

function keyOf(entry: string): string {
  return entry.split('=', 1)[0] ?? ''
}
