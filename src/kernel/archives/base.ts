import { damaged, indexLines } from '#codec/backup/index.ts'
import type { ByteString } from '#codec/tar/index.ts'
import type { BackupEntry } from '#model/backup.ts'

/** The files of an earlier backup, by volume and path. */
export class BaseEntries {
  readonly #volumes = new Map<string, Map<ByteString, BackupEntry>>()

  /** @throws invalid when the index is damaged */
  constructor(index: Buffer) {
    let volumes: Map<ByteString, BackupEntry>[] = []
    let whole = false
    for (const line of indexLines(index)) {
      if ('header' in line) volumes = line.header.volumes.map(({ name }) => this.#volume(name))
      else if ('end' in line) whole = true
      else if (line.type === 'file') volumes[line.volume]?.set(line.path, line)
    }
    if (!whole) throw damaged('it is cut short')
  }

  file(volume: string, path: ByteString): BackupEntry | undefined {
    return this.#volumes.get(volume)?.get(path)
  }

  #volume(name: string): Map<ByteString, BackupEntry> {
    const files = new Map<ByteString, BackupEntry>()
    this.#volumes.set(name, files)
    return files
  }
}
