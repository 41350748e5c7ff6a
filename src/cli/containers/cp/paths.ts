import { CliError } from '../../core/command.ts'

export interface CopyArgument {
  /** Undefined for a path of this machine. */
  container?: string
  path: string
}

/** `CONTAINER:PATH` or a path; a path with a colon is written absolute or with `./`. */
export function splitCopyArgument(text: string): CopyArgument {
  if (text.startsWith('/')) return { path: text }
  const colon = text.indexOf(':')
  if (colon < 0 || text.startsWith('.')) return { path: text }
  if (colon === 0) throw new CliError(`invalid copy argument ${text}: the container's name is missing before the colon`)
  return { container: text.slice(0, colon), path: text.slice(colon + 1) || '/' }
}

/** Ends in `/` or `/.`: can only mean a directory. */
export function assertsDirectory(path: string): boolean {
  return path.endsWith('/') || isContents(path)
}

/** `dir/.`: what is in the directory, not the directory. */
export function isContents(path: string): boolean {
  return path === '.' || path.endsWith('/.')
}

export interface Source {
  isDirectory: boolean
  /** Last part of its path; `.` for the contents of a directory. */
  base: string
}

export interface Destination {
  path: string
  exists: boolean
  isDirectory: boolean
}

export interface Placement {
  /** Directory to extract into. */
  directory: string
  /** What the root of the archive is called there; `.` for a directory's contents. */
  name: string
}

/** Where a copy lands, by the rules of `docker cp` (which are nearly those of `cp -a`). @throws CliError */
export function place(source: Source, destination: Destination): Placement {
  const { path } = destination
  if (destination.exists && destination.isDirectory) return { directory: path, name: source.base }
  if (destination.exists && source.isDirectory) throw new CliError('cannot copy directory')
  if (!source.isDirectory && assertsDirectory(path)) {
    throw new CliError(destination.exists ? 'not a directory' : 'no such directory')
  }
  const clean = path.replace(/\/\.$/, '').replace(/\/+$/, '')
  const slash = clean.lastIndexOf('/')
  const directory = slash < 0 ? '.' : clean.slice(0, slash) || '/'
  return { directory, name: clean.slice(slash + 1) }
}

/** Renames the root of an archive: `old/x` to `new/x`. `.` as a new name drops it. */
export function renamed(entry: string, root: string, name: string): string {
  const path = entry.replace(/^(\.\/+)+/, '').replace(/\/+$/, '')
  const inside =
    root === '.' ? path : path === root ? '' : path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path
  const rest = inside === '.' ? '' : inside
  if (name === '.') return rest === '' ? '.' : rest
  return rest === '' ? name : `${name}/${rest}`
}
