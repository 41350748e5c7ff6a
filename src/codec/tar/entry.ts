/**
 * A string whose characters are bytes (latin1): names in archives and on disk need not be UTF-8, and must come out as
 * they went in. `Buffer.from(x, 'latin1')` gives the bytes.
 */
export type ByteString = string

export type TarType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

/** One member of a tar archive; the codec is ours because tar-stream decodes pax values as UTF-8, which destroys
 * binary attributes such as `security.capability`, and costs a stream for each of a layer's 10,000 files. */
export interface TarEntry {
  name: ByteString
  type: TarType
  /** Permission bits with setuid, setgid and sticky. */
  mode: number
  uid: number
  gid: number
  /** Bytes of content that follow the header. */
  size: number
  mtime: { seconds: number; nanos: number }
  /** Of a link or symlink. */
  linkName: ByteString
  major: number
  minor: number
  /** By full name (`user.x`, `security.capability`). */
  xattrs: Map<ByteString, Buffer> | undefined
  atime?: { seconds: number; nanos: number }
  /** The pax record of that name, which other readers ignore. */
  comment?: ByteString
  /**
   * Stretches `[offset, length]` of data, in order and of whole blocks (but the last may end with the file): what follows the
   * header is these alone (pax `GNU.sparse` 1.0), while `size` counts the holes too.
   */
  data?: [number, number][]
}

export const BLOCK = 512

/** Bytes that fill the last block of `size` bytes. */
export function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK
}

export function bytes(text: ByteString): Buffer {
  return Buffer.from(text, 'latin1')
}

/** From ordinary text, as API requests carry paths. */
export function fromText(text: string): ByteString {
  return Buffer.from(text, 'utf8').toString('latin1')
}

/** To ordinary text, for messages and API answers. */
export function toText(name: ByteString): string {
  return Buffer.from(name, 'latin1').toString('utf8')
}
