import { system } from '#lib/errors.ts'
import type { IdMap, Mounts, OverlayMount } from '#ports/mounts.ts'

export interface FakeMount {
  target: string
  type: string
  source: string
  options: string[]
}

/** Mounts in memory. `mounted` is what stands now, in order of mounting; a target may be mounted over. */
export class FakeMounts implements Mounts {
  readonly mounted: FakeMount[] = []
  readonly #failures = new Map<string, Error>()

  async overlay(target: string, mount: OverlayMount, options: { readonly?: boolean } = {}): Promise<void> {
    const data = [`lowerdir=${mount.lower.join(':')}`]
    if (mount.upper) data.push(`upperdir=${mount.upper}`, `workdir=${mount.work ?? ''}`)
    if (options.readonly) data.push('ro')
    this.#add({ target, type: 'overlay', source: 'overlay', options: data })
  }

  async filesystem(target: string, type: string, source: string, options: string[]): Promise<void> {
    this.#add({ target, type, source, options })
  }

  async bind(
    source: string,
    target: string,
    options: { recursive?: boolean; readonly?: boolean; propagation?: string; idmap?: IdMap } = {},
  ): Promise<void> {
    const words = [options.recursive ? 'rbind' : 'bind']
    if (options.readonly) words.push('ro')
    if (options.idmap) words.push('idmap')
    if (options.propagation) words.push(options.propagation)
    this.#add({ target, type: 'bind', source, options: words })
  }

  async bindInside(
    root: string,
    path: string,
    target: string,
    options: { idmap?: IdMap; recursive?: boolean } = {},
  ): Promise<boolean> {
    await this.bind(`${root}/${path}`, target, { recursive: true, ...options })
    return true
  }

  async tmpfs(target: string, options: string[]): Promise<void> {
    this.#add({ target, type: 'tmpfs', source: 'tmpfs', options })
  }

  async unmount(target: string): Promise<void> {
    const at = this.mounted.findLastIndex(mount => mount.target === target)
    if (at >= 0) this.mounted.splice(at, 1)
  }

  isMounted(target: string): boolean {
    return this.mounted.some(mount => mount.target === target)
  }

  async restrictions(path: string): Promise<string[]> {
    const on = this.mounted.findLast(mount => path === mount.target || path.startsWith(`${mount.target}/`))
    const words = on?.options.flatMap(list => list.split(',')) ?? []
    return ['ro', 'nosuid', 'nodev', 'noexec'].filter(word => words.includes(word))
  }

  below(prefix: string): string[] {
    return this.mounted
      .map(mount => mount.target)
      .filter(target => target === prefix || target.startsWith(`${prefix.replace(/\/$/, '')}/`))
      .reverse()
  }

  /** Mounting on `target` fails with `errno` until `allow` is called. */
  refuse(target: string, errno = 'EPERM'): void {
    this.#failures.set(target, system(`mounting on ${target} failed: ${errno}`, { details: { errno } }))
  }

  allow(target: string): void {
    this.#failures.delete(target)
  }

  #add(mount: FakeMount): void {
    const failure = this.#failures.get(mount.target)
    if (failure) throw failure
    this.mounted.push(mount)
  }
}
