import type { CauseCode } from '#model/explain.ts'
import type { FaultLab } from '../fault-lab.ts'

/** Something that is broken on purpose. */
export interface Fault {
  name: string
  /** FROM and TO. */
  ask: readonly [string, string]
  code: CauseCode
  /** @returns what mends it */
  break(lab: FaultLab): Promise<() => Promise<unknown> | unknown>
  /** What is asked when it is mended, where that is another question. */
  healthy?: readonly [string, string]
}

export const DB = ['web', 'db:80'] as const

export const NOBODY = '02:00:00:00:00:99'

/** Adds a table with one rule, in somebody's network. */
export async function drops(
  lab: FaultLab,
  where: string,
  family: string,
  hook: string,
  rule: string,
  priority = 'filter',
): Promise<() => Promise<unknown>> {
  const chain = `{ type filter hook ${hook} priority ${priority}; policy accept; }`
  const nft = async (...lines: string[]) => {
    for (const line of lines) {
      if (where === 'the host') lab.host('nft', line)
      else await lab.within(where, 'nft', line)
    }
  }
  await nft(`add table ${family} strange`, `add chain ${family} strange guard ${chain}`)
  await nft(`add rule ${family} strange guard ${rule}`)
  return () => nft(`delete table ${family} strange`)
}

/** Sets a link down; up again, routes are put back. */
export async function downInside(lab: FaultLab, container: string, gateway: string): Promise<() => Promise<unknown>> {
  await lab.within(container, 'ip', 'link', 'set', 'eth0', 'down')
  return async () => {
    await lab.within(container, 'ip', 'link', 'set', 'eth0', 'up')
    await lab.within(container, 'ip', 'route', 'replace', 'default', 'via', gateway)
  }
}

export async function noRoutes(
  lab: FaultLab,
  container: string,
  subnet: string,
  gateway: string,
): Promise<() => Promise<unknown>> {
  await lab.within(container, 'ip', 'route', 'flush', 'table', 'main')
  return async () => {
    await lab.within(container, 'ip', 'route', 'replace', subnet, 'dev', 'eth0')
    await lab.within(container, 'ip', 'route', 'replace', 'default', 'via', gateway)
  }
}

export const FRONT = '10.231.1.0/24'
export const GATEWAY = '10.231.1.1'
