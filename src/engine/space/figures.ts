/** A tree whose size is kept. */
export interface Tree {
  path: string
  /** A directory whose stamp changes when the tree may have: itself, or what mounting it touches. */
  witness: string
  /** Somebody may be writing in it now. */
  inUse: boolean
}

/** What is known of a tree's size, and persisted. */
export interface Figure {
  path: string
  bytes: number
  files: number
  /** Milliseconds since the epoch. */
  measuredAt: number
  /** Milliseconds that the walk took. */
  tookMs: number
  /** Of the witness when the walk began. */
  stamp: string
  /** Nobody could write while it was measured, nor since. */
  settled: boolean
}

/** A figure as it is shown. */
export interface Shown extends Figure {
  /** The tree may have changed since. */
  stale: boolean
}

/** A figure that is of use, if nothing better can be had in time. */
export interface Known extends Figure {
  tree: Tree
  state: State
}

/** Why a figure cannot be shown as it is. */
export type State = 'unknown' | 'current' | 'changed' | 'inUse'

/**
 * `unknown` and `changed` (by somebody on the host, or by who used it since) are measured however long it takes, and
 * known from then on. What is in use is measured if there is time: it would not be known for longer than a moment.
 */
export function stateOf(figure: Figure | undefined, tree: Tree, stamp: string): State {
  if (!figure) return 'unknown'
  if (tree.inUse) return 'inUse'
  return figure.settled && figure.stamp === stamp ? 'current' : 'changed'
}

/**
 * Which of the figures that take `tookMs` each are measured anew within `budget` milliseconds, by `lanes` walks side by
 * side: the quickest first, as that makes most of them right, and of equal ones the oldest.
 */
export function affordable<T extends Pick<Figure, 'tookMs' | 'measuredAt'>>(
  figures: readonly T[],
  budget: number,
  lanes: number,
): T[] {
  const sorted = figures.toSorted((a, b) => a.tookMs - b.tookMs || a.measuredAt - b.measuredAt)
  let left = budget * lanes
  return sorted.filter(({ tookMs }) => {
    if (tookMs > budget || tookMs > left) return false
    left -= tookMs
    return true
  })
}
