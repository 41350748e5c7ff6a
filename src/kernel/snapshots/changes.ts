import { constants } from 'node:fs'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import { hasErrno } from '../ffi/errno.ts'
import * as at from '../ffi/fs.ts'
import type { Stat } from '../ffi/fs.ts'
import * as libc from '../ffi/libc.ts'
import { isOpaque } from '../files/archive.ts'
import { isWhiteout } from '../files/extractor.ts'
import { namesIn, openDirectory } from '../files/walk.ts'

export interface Change {
  Path: string
  Kind: 0 | 1 | 2
}

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY

/**
 * What an overlay's upper directory changes in the layers below it (topmost first), sorted by path. A directory whose
 * content changed is modified itself, as `docker diff` shows it.
 */
export function* changesOf(upper: string, lower: readonly string[]): Generator<void, Change[]> {
  const fds: number[] = []
  try {
    for (const path of [upper, ...lower]) fds.push(libc.open(path, DIRECTORY))
    const changes: Change[] = []
    yield* compare(fds[0]!, fds.slice(1), '', changes)
    return changes.sort((a, b) => (a.Path < b.Path ? -1 : a.Path > b.Path ? 1 : 0))
  } finally {
    for (const fd of fds) libc.close(fd)
  }
}

/** @returns whether anything below changed */
function* compare(upper: number, lower: number[], path: ByteString, changes: Change[]): Generator<void, boolean> {
  let changed = false
  const add = (name: ByteString, Kind: Change['Kind']) => {
    changed = true
    changes.push({ Path: toText(`${path}/${name}`), Kind })
  }
  const names = namesIn(upper)
  for (const name of names) {
    yield
    const stat = at.statat(upper, name)
    const below = find(lower, name)
    if (isWhiteout(stat)) {
      if (below) add(name, 2)
    } else if (!below) {
      add(name, 1)
      if (isDirectory(stat)) yield* inside(upper, name, [], `${path}/${name}`, changes)
    } else if (!isDirectory(stat)) add(name, 0)
    else if (!isDirectory(below.stat)) {
      add(name, 0)
      yield* inside(upper, name, [], `${path}/${name}`, changes)
    } else {
      const opaque = isOpaque(at.through(upper, name))
      const deeper = yield* inside(upper, name, below.layers, `${path}/${name}`, changes)
      const hidden = opaque ? missing(upper, name, below.layers, `${path}/${name}`, changes) : false
      if (deeper || hidden || opaque || differ(stat, below.stat)) add(name, 0)
    }
  }
  return changed
}

/** Compares the directory `name` with the directories of that name in the layers that show through. */
function* inside(
  upper: number,
  name: ByteString,
  layers: number[],
  path: ByteString,
  changes: Change[],
): Generator<void, boolean> {
  const directory = openDirectory(upper, name)
  const lower = openAll(layers, name)
  try {
    return directory === undefined ? false : yield* compare(directory, lower, path, changes)
  } finally {
    if (directory !== undefined) libc.close(directory)
    for (const fd of lower) libc.close(fd)
  }
}

/** An opaque directory deletes what the layers below have and it has not. */
function missing(upper: number, name: ByteString, layers: number[], path: ByteString, changes: Change[]): boolean {
  const directory = openDirectory(upper, name)
  const lower = openAll(layers, name)
  try {
    if (directory === undefined) return false
    const have = new Set(namesIn(directory))
    const gone = new Set(lower.flatMap(fd => namesIn(fd)).filter(other => !have.has(other)))
    for (const other of gone) {
      if (find(lower, other)) changes.push({ Path: toText(`${path}/${other}`), Kind: 2 })
    }
    return gone.size > 0
  } finally {
    if (directory !== undefined) libc.close(directory)
    for (const fd of lower) libc.close(fd)
  }
}

/** The name as the layers show it together, and those layers whose directories of that name are merged. */
function find(layers: readonly number[], name: ByteString): { stat: Stat; layers: number[] } | undefined {
  let top: Stat | undefined
  const merged: number[] = []
  for (const layer of layers) {
    const stat = statOf(layer, name)
    if (!stat) continue
    if (isWhiteout(stat) || (top && !isDirectory(stat))) break
    top ??= stat
    if (!isDirectory(stat)) return { stat, layers: [] }
    merged.push(layer)
    if (isOpaque(at.through(layer, name))) break
  }
  return top && { stat: top, layers: merged }
}

function openAll(layers: readonly number[], name: ByteString): number[] {
  return layers.map(layer => openDirectory(layer, name)).filter(fd => fd !== undefined)
}

function statOf(directory: number, name: ByteString): Stat | undefined {
  try {
    return at.statat(directory, name)
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

function isDirectory(stat: Stat): boolean {
  return (stat.mode & at.S_IFMT) === at.S_IFDIR
}

/** A directory is copied up with its times when something below is written; what differs was changed itself. */
function differ(a: Stat, b: Stat): boolean {
  return (
    a.mode !== b.mode ||
    a.uid !== b.uid ||
    a.gid !== b.gid ||
    a.mtime.seconds !== b.mtime.seconds ||
    a.mtime.nanos !== b.mtime.nanos
  )
}
