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
  const keep = [/\/run$/, /\/data$/, /runtime\.mnt$/, /\/netns$/, /\/pins$/, /\/warm-/, /\/cgroup-moves$/]
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

/** Interfaces whose alias says that this daemon made them. */
export function interfacesOf(prefix: string): string[] {
  const links = JSON.parse(execFileSync('ip', ['-j', 'link'], { encoding: 'utf8' })) as {
    ifname: string
    ifalias?: string
  }[]
  return links.filter(link => link.ifalias?.startsWith(prefix)).map(link => link.ifname)
}

/** Elements of every map and set of the daemon's nftables tables that name one of `addresses` or `ports`. */
export function nftText(table: string): string {
  try {
    return execFileSync('nft', ['list', 'table', 'inet', table], { encoding: 'utf8' })
  } catch {
    return ''
  }
}
