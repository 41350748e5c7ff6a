import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { TestDaemon } from './daemon.ts'
import { leftovers } from './leftovers.ts'

/** All that a daemon knows and owns, a line a thing: what it stores, what it shows, its files, mounts and namespaces. */
export async function stateOf(daemon: TestDaemon): Promise<string[]> {
  const { client } = daemon
  const shown = await Promise.all([
    client.containers.list({ all: true }),
    client.networks.list(),
    client.volumes.list(),
    client.images.list({ all: true }),
  ])
  const lines = shown.flatMap(list => list as unknown as Record<string, unknown>[]).map(one => withoutClock(one))
  return [
    ...lines,
    ...storedIn(daemon.dataRoot),
    ...filesBelow(daemon.dataRoot),
    ...filesBelow(daemon.execRoot),
    ...leftovers(daemon).filter(line => !line.startsWith('process')),
  ].toSorted()
}

/** `Status` says how long ago something was. */
function withoutClock(shown: Record<string, unknown>): string {
  return JSON.stringify({ ...shown, Status: '' })
}

function storedIn(dataRoot: string): string[] {
  const db = new DatabaseSync(join(dataRoot, 'berth.db'), { readOnly: true })
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'c\\_%' ESCAPE '\\'")
    return tables.all().flatMap(({ name }) => {
      // Kept sizes are measured when there is time.
      if (name === 'c_usage') return []
      const rows = db.prepare(`SELECT * FROM "${String(name)}"`).all()
      return rows.map(row => `${String(name)} ${JSON.stringify(row)}`)
    })
  } finally {
    db.close()
  }
}

/** Three levels, which has every object's own directory and nothing of what containers write. */
function filesBelow(root: string, depth = 3, prefix = ''): string[] {
  const found: string[] = []
  for (const entry of readdirSync(join(root, prefix), { withFileTypes: true })) {
    const path = join(prefix, entry.name)
    // What was removed is deleted off the caller's path.
    if (/^berth\.db|(^|\/)(warm|\.?trash)-/.test(path)) continue
    found.push(`file ${root}/${path}`)
    if (entry.isDirectory() && depth > 1) found.push(...filesBelow(root, depth - 1, path))
  }
  return found
}

/** Lines of the daemon's log that tell of its own faults. */
export function faultsIn(log: string): string[] {
  const lines = log.split('\n')
  return lines.flatMap((line, i) => {
    if (/level=error|unhandled rejection/i.test(line)) return [line]
    // What Node says before it ends the process.
    return /Unhandled|Uncaught|Warning: /.test(line) ? [lines.slice(i, i + 12).join('\n')] : []
  })
}

/** Open descriptors and resident memory (KiB) of a process. */
export function usageOf(pid: number): { fds: number; rss: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return { fds: readdirSync(`/proc/${pid}/fd`).length, rss: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) }
}
