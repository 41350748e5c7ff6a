import type { Readable } from 'node:stream'
import type { BackupFormat, BackupHeader, BackupSummary } from '#model/backup.ts'

export interface PackRequest {
  header: BackupHeader
  /** Directories, in the order of `header.volumes`. */
  paths: string[]
  format: BackupFormat
  /** 1 (fast) to 19; the format's usual one unless given. */
  level?: number
  /**
   * Index, as it is stored (`codec/backup`, unwrapped), of the backup that this one is compared with: what is the same there
   * is left out. Decoded off the main thread: it may be of millions of files.
   */
  base?: Buffer
}

/** An archive that is being made. Destroying the stream ends it; an archive is whole only with its trailer. */
export interface Packing {
  stream: Readable
  progress(): { files: number; bytes: number; storedBytes: number }
  /** Settles with the stream's end. */
  done: Promise<BackupSummary>
}

export interface UnpackRequest {
  /**
   * Directories to unpack into, one for each volume, asked once the header is known (undefined: an archive that is none
   * of ours, with one volume). Empty, unless the archive is incremental: then each has what its base gave. undefined for
   * a volume: checked like the others, but written nowhere (verify, and volumes that are left out).
   */
  place: (header: BackupHeader | undefined) => Promise<(string | undefined)[]>
  /** `refuse` archives that nothing vouches for. */
  foreign: 'accept' | 'refuse'
  /**
   * Fulfil only when all is on the disk for good: for a source that goes afterwards. It waits for everything that the file
   * system has to write, whosever it is; else the kernel writes within its usual half minute.
   */
  durable?: boolean
  onProgress?: (progress: { files: number; bytes: number }) => void
}

/**
 * Archives of directories: tar in zstd or gzip, with an index of every file and a digest of every byte (`codec/backup`).
 * The work is done off the main thread. What is unpacked is complete and verified when the promise fulfils, and rubbish
 * that the caller removes when it rejects.
 */
export interface Archives {
  pack(request: PackRequest): Packing
  /**
   * @param input gzip, zstd or plain, told by its first bytes
   * @throws invalid when any byte is not as it was written, or the end is missing
   */
  unpack(input: Readable, request: UnpackRequest): Promise<BackupSummary>
  /**
   * Digest (sha256, hex) of a tree as it lies there: every path with type, mode, owner, size, time, link, device, attributes
   * and content, in the order of paths. The same for two trees that a restore would not tell apart.
   */
  digest(path: string, onProgress?: (progress: { files: number; bytes: number }) => void): Promise<string>
}
