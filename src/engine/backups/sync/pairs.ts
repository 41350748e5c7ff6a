import type { TargetObject } from '#ports/targets.ts'
import type { TreeEntry, TreeFile } from '#ports/volume-tree.ts'

/** One path, with what either side has of it. */
export interface Pair {
  path: string
  file?: TreeFile
  object?: TargetObject
  /** Why the volume's side cannot be looked at. */
  skipped?: string
}

/** Two lists in the order of their bytes become one. Only one of each side is held at a time. */
export async function* pairs(
  files: AsyncIterable<TreeEntry>,
  objects: AsyncIterable<TargetObject>,
): AsyncGenerator<Pair> {
  const left = files[Symbol.asyncIterator]()
  const right = objects[Symbol.asyncIterator]()
  try {
    let [entry, object] = await Promise.all([left.next(), right.next()])
    while (!entry.done || !object.done) {
      const order = entry.done ? 1 : object.done ? -1 : compareBytes(pathOf(entry.value), object.value.name)
      if (order > 0) {
        const { value } = object as IteratorYieldResult<TargetObject>
        yield { path: value.name, object: value }
        object = await right.next()
        continue
      }
      const { value } = entry as IteratorYieldResult<TreeEntry>
      const side = 'file' in value ? { file: value.file } : { skipped: value.reason }
      if (order < 0) yield { path: pathOf(value), ...side }
      else {
        yield { path: pathOf(value), ...side, object: (object as IteratorYieldResult<TargetObject>).value }
        object = await right.next()
      }
      entry = await left.next()
    }
  } finally {
    await Promise.all([left.return?.(), right.return?.()])
  }
}

const pathOf = (entry: TreeEntry) => ('file' in entry ? entry.file.path : entry.skipped)

/** Of UTF-8: JavaScript's own order is that of UTF-16. */
export function compareBytes(one: string, other: string): number {
  return one === other ? 0 : Buffer.compare(Buffer.from(one), Buffer.from(other))
}
