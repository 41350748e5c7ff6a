import type { ByteString } from './entry.ts'

/**
 * Deletions in a layer (OCI image spec, "Layer Filesystem Changeset"): a member `.wh.NAME` deletes NAME of the layers
 * below, `.wh..wh..opq` hides everything below its directory. Other `.wh..wh.` names are aufs's own and mean nothing.
 */
export type Whiteout = { kind: 'delete'; name: ByteString } | { kind: 'opaque' } | { kind: 'ignored' } | undefined

const PREFIX = '.wh.'
export const OPAQUE_NAME = '.wh..wh..opq'

/** @param base last component of a member's name */
export function parseWhiteout(base: ByteString): Whiteout {
  if (!base.startsWith(PREFIX)) return undefined
  if (base === OPAQUE_NAME) return { kind: 'opaque' }
  if (base.startsWith('.wh..wh.')) return { kind: 'ignored' }
  return { kind: 'delete', name: base.slice(PREFIX.length) }
}

export function whiteoutName(base: ByteString): ByteString {
  return PREFIX + base
}
