import type { TreeSize } from '#ports/usage.ts'

/** What a walking thread is told. */
export type Order = { id: number; path: string; background: boolean } | { id: number; cancel: true } | { end: true }

/** What it tells. */
export type Answer = { id: number; size: TreeSize } | { id: number; error: string; errno: string }
