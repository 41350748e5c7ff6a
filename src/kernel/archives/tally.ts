import { createHash } from 'node:crypto'
import { memberLine, treeLine } from '#codec/backup/index.ts'
import type { BackupEntry } from '#model/backup.ts'

/** Lines are hashed together: a call for each would cost more than its bytes. */
const BATCH = 200

class LineHash {
  readonly #hash = createHash('sha256')
  #lines: string[] = []

  add(line: string): void {
    if (this.#lines.push(line) >= BATCH) this.#flush()
  }

  digest(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#lines.join(''))
    this.#lines = []
  }
}

/** Digests of trees (`Archives.digest`), one for each volume, from entries in the order of an archive. */
export class TreeDigests {
  readonly #hashes: LineHash[]

  constructor(volumes: number) {
    this.#hashes = Array.from({ length: volumes }, () => new LineHash())
  }

  /** @param line the entry's `treeLine`, where it is known already */
  add(entry: BackupEntry, line = treeLine(entry)): void {
    this.#hashes[entry.volume]?.add(line)
  }

  finish(): string[] {
    return this.#hashes.map(hash => hash.digest())
  }
}

/** One digest over all that members of an archive say: of the tar's members and of the index it must be the same. */
export class MemberDigest {
  readonly #hash = new LineHash()

  /** @param line the entry's `treeLine`, where it is known already */
  add(entry: BackupEntry, line = treeLine(entry)): void {
    this.#hash.add(memberLine(entry) + line)
  }

  finish(): string {
    return this.#hash.digest()
  }
}
