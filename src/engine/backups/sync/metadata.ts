import type { TreeAttributes, TreeFile } from '#ports/volume-tree.ts'

/** Owner and mode as others (s3fs) keep them, too: numbers in decimal. */
export function metadataOf({ uid, gid, mode }: TreeFile): Record<string, string> {
  return { uid: String(uid), gid: String(gid), mode: String(REGULAR | mode) }
}

const REGULAR = 0o100000
const MAX_ID = 2 ** 32 - 2

/** What an object says of them, as far as it makes sense. */
export function attributesOf(metadata: Record<string, string>, modified: number): TreeAttributes {
  const [uid, gid, mode] = ['uid', 'gid', 'mode'].map(name => numberIn(metadata[name]))
  return {
    modified,
    ...(uid !== undefined && uid <= MAX_ID && { uid }),
    ...(gid !== undefined && gid <= MAX_ID && { gid }),
    ...(mode !== undefined && { mode: mode & 0o7777 }),
  }
}

const numberIn = (text: string | undefined) =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
