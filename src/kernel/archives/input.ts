import type { BackupHeader } from '#model/backup.ts'

/** An archive on its way in: its tar, then what vouches for it. */
export interface Input {
  /** undefined when the archive is none of ours. */
  header: BackupHeader | undefined
  tar: AsyncIterable<Buffer>
  /** After the tar. @throws invalid unless every byte is as it was written */
  verify(): Promise<Verified>
}

export interface Verified {
  /** Lines as `indexLines` takes them; empty for an archive that is none of ours. */
  index: Buffer
  storedBytes: number
  /** sha256 (hex) of all that a trailer vouches for; of everything where there is none. */
  digest: string
}
