import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestDaemon } from './daemon.ts'

/** Everything on the host that belongs to one daemon's roots, a line a thing; empty when nothing is left. */
export function leftovers(daemon: TestDaemon, owned: ReadonlySet<string> = new Set()): string[] {
  const { directory, execRoot } = daemon
  const mine = (id: string) => [...owned].some(one => one.startsWith(id) || id.startsWith(one))
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      const id = /conmon .*(?:-c|--cid) (\w+)/.exec(command)?.[1]
      if (command.includes(directory) && id && !mine(id)) found.push(`process ${pid} ${command.slice(0, 120)}`)
    } catch {
      // Ended while we looked.
    }
  }
  const keep = [
    /\/run$/,
    /\/data$/,
    /runtime\.mnt$/,
    /\/netns$/,
    /\/rootfs$/,
    /\/mounts$/,
    /\/pins$/,
    /\/warm-/,
    /\/cgroup-moves$/,
  ]
  for (const line of readFileSync('/proc/self/mountinfo', 'utf8').split('\n')) {
    const target = line.split(' ')[4] ?? ''
    if (!target.startsWith(directory) || keep.some(one => one.test(target))) continue
    if (owned.size === 0) found.push(`mount ${target}`)
  }
  const netns = join(execRoot, 'netns')
  for (const name of existsSync(netns) ? readdirSync(netns) : []) {
    // A sandbox is named for its container's short id and a serial.
    if (!name.startsWith('warm-') && !mine(name.split('-')[0]!)) found.push(`netns ${name}`)
  }
  for (const path of globSync('/sys/fs/cgroup/{,*/}berth*/*')) {
    const id = path.split('/').at(-1)!
    if (/^[0-9a-f]{64}$/.test(id) && !mine(id) && isOurs(daemon, id)) found.push(`cgroup ${path}`)
  }
  return found
}

/** Cgroups carry only the container's id: ours are those whose record or bundle this daemon ever had. */
function isOurs(daemon: TestDaemon, id: string): boolean {
  return daemon.seen.has(id)
}

/**
 * Interfaces and packet filter elements of the daemon beyond those of its networks and of `endpoints` endpoints with
 * `ports` published ports, a line a thing. The key in their names is that of the default bridge.
 */
export async function networkLeftovers(
  daemon: TestDaemon,
  live: { endpoints: number; ports: number } = { endpoints: 0, ports: 0 },
): Promise<string[]> {
  const networks = await daemon.client.networks.list()
  const bridge = networks.find(one => one.Name === 'bridge')!.Options['com.docker.network.bridge.name']!
  const key = bridge.replace(/^berth/, '')
  const bridges = new Set([bridge, ...networks.map(one => `br-${one.Id.slice(0, 12)}`)])
  const links = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as Link[]
  const ours = links.filter(link => link.ifalias?.startsWith(`berth:${key}:`) && !bridges.has(link.ifname))
  const found = ours.length === live.endpoints ? [] : ours.map(link => `interface ${link.ifname}`)
  const table = execFileSync('nft', ['list', 'table', 'inet', `berth_${key}`], { encoding: 'utf8' })
  for (const [, map = '', body = ''] of table.matchAll(/map (\w+) \{([^}]*(?:\}|elements = \{[^}]*\}))/g)) {
    const elements = /elements = \{([^}]*)\}/.exec(body)?.[1]?.split(',') ?? []
    if (elements.length > live.ports) found.push(`nft map ${map}: ${elements.map(one => one.trim()).join(', ')}`)
  }
  return found
}

interface Link {
  ifname: string
  ifalias?: string
}
