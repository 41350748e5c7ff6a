import { readFileSync, rmdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Cgroups, CgroupStats } from '#ports/cgroups.ts'
import { everyPathBelow, readLayout, type CgroupLayout } from './layout.ts'
import { childrenOf, pidsBelow, processHierarchy, removeCgroups } from './remove.ts'
import { oomKills, readStats } from './stats.ts'

export class KernelCgroups implements Cgroups {
  readonly mode: 'v1' | 'v2' | 'hybrid'
  readonly controllers: ReadonlySet<string>
  readonly #layout: CgroupLayout
  readonly #nowNano: () => bigint

  constructor(nowNano: () => bigint, layout: CgroupLayout = readLayout()) {
    this.#layout = layout
    this.#nowNano = nowNano
    this.mode = layout.mode
    this.controllers = controllersOf(layout)
  }

  stats(paths: Record<string, string>): CgroupStats {
    return readStats(paths, this.#nowNano())
  }

  pids(paths: Record<string, string>): number[] {
    const hierarchy = processHierarchy(paths)
    return hierarchy === undefined ? [] : pidsBelow(hierarchy)
  }

  oomKilled(paths: Record<string, string>): boolean {
    return oomKills(paths) > 0
  }

  async remove(paths: Record<string, string>): Promise<void> {
    await removeCgroups(paths)
  }

  strays(parent: string, owned: ReadonlySet<string>): Record<string, string>[] {
    const strays = new Map<string, Record<string, string>>()
    for (const [controller, top] of Object.entries(everyPathBelow(this.#layout, parent))) {
      for (const directory of childrenOf(top)) {
        const name = basename(directory)
        if (owned.has(name)) continue
        const paths = strays.get(name) ?? {}
        paths[controller] = directory
        strays.set(name, paths)
      }
    }
    return [...strays.values()]
  }

  removeParent(parent: string): void {
    for (const path of new Set(Object.values(everyPathBelow(this.#layout, parent)))) {
      try {
        rmdirSync(path)
      } catch {
        // Gone, or in use by others.
      }
    }
  }
}

function controllersOf(layout: CgroupLayout): ReadonlySet<string> {
  const root = layout.roots.get('')
  if (root === undefined) return new Set([...layout.roots.keys()].filter(name => name !== 'systemd'))
  // v2 always has the means of `freezer` and `devices` (by BPF).
  const listed = readFileSync(join(root, 'cgroup.controllers'), 'latin1').trim().split(' ')
  return new Set([...listed, 'freezer', 'devices'])
}
