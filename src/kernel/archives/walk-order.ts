import { damaged } from '#codec/backup/index.ts'
import { toText } from '#codec/tar/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'

/** Checks that entries are a walk through trees: each once, below a directory that came before, names by bytes. */
export class WalkOrder {
  readonly #volumes: number
  #volume = -1
  /** The directories above the last entry, and the last name in each. */
  readonly #levels: { path: ByteString; last: ByteString }[] = []

  constructor(volumes: number) {
    this.#volumes = volumes
  }

  /** @throws invalid */
  add(entry: BackupEntry): void {
    const { path, type, volume } = entry
    if (path === '') {
      if (volume !== this.#volume + 1 || type !== 'directory') throw damaged('its volumes are out of order')
      this.#volume = volume
      this.#levels.length = 0
    } else {
      if (volume !== this.#volume) throw damaged('a volume has no root')
      this.#below(path)
    }
    if (type === 'directory') this.#levels.push({ path, last: '' })
  }

  /** After the last. @throws invalid */
  finish(): void {
    if (this.#volume !== this.#volumes - 1) throw damaged('a volume is missing')
  }

  #below(path: ByteString): void {
    const slash = path.lastIndexOf('/')
    const length = Math.max(0, slash)
    for (;;) {
      const level = this.#levels.at(-1)
      if (!level) throw damaged(`${toText(path)} is in no directory`)
      if (level.path.length === length && path.startsWith(level.path)) {
        const name = path.slice(slash + 1)
        if (level.last >= name) throw damaged(`${toText(path)} is out of order`)
        level.last = name
        return
      }
      this.#levels.pop()
    }
  }
}
