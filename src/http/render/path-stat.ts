import type { ContainersService } from '#engine/containers/index.ts'
import type { PathStat } from '#wire/index.ts'

type FileStat = Awaited<ReturnType<ContainersService['archiveStat']>>

/** Type bits of Go's os.FileMode. */
const TYPE: Readonly<Record<FileStat['kind'], number>> = {
  file: 0,
  directory: 2 ** 31,
  symlink: 2 ** 27,
  block: 2 ** 26,
  char: 2 ** 26 + 2 ** 21,
  fifo: 2 ** 25,
  socket: 2 ** 24,
}

/** `X-Docker-Container-Path-Stat`: base64 of JSON. */
export function pathStatHeader(stat: FileStat): string {
  const json: PathStat = {
    name: stat.name,
    size: stat.size,
    mode: goMode(stat),
    mtime: new Date(stat.mtimeMs).toISOString(),
    linkTarget: stat.target ?? '',
  }
  return Buffer.from(JSON.stringify(json)).toString('base64')
}

function goMode({ kind, mode }: FileStat): number {
  const setuid = mode & 0o4000 ? 2 ** 23 : 0
  const setgid = mode & 0o2000 ? 2 ** 22 : 0
  const sticky = mode & 0o1000 ? 2 ** 20 : 0
  return TYPE[kind] + setuid + setgid + sticky + (mode & 0o777)
}
