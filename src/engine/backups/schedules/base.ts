import { Transform } from 'node:stream'
import { readIndex } from '#codec/backup/index.ts'
import { firstBytes } from '#lib/streams.ts'
import { parseBackupName, volumesIn, type NamedBackup } from '#model/backup-name.ts'
import type { BackupTarget } from '#ports/targets.ts'

/** Most bytes of an archive's end that are kept in memory for its index: some 200,000 files. */
const TAIL = 16 << 20

/** What the next backup goes on from: undefined when it is to be a full one. */
export function baseAmong(
  names: readonly string[],
  volumes: readonly string[],
  fullEvery: number,
): NamedBackup | undefined {
  const ours = volumesIn(volumes)
  const backups = names.flatMap(name => parseBackupName(name) ?? []).filter(backup => backup.volumes === ours)
  const byTime = new Map(backups.map(backup => [backup.time, backup]))
  const newest = backups.toSorted((a, b) => b.time - a.time)[0]
  let length = 0
  for (let backup = newest; backup; length++) {
    if (backup.baseTime === undefined) return length + 1 < fullEvery ? newest : undefined
    backup = byTime.get(backup.baseTime)
  }
  // No backup at all, or a chain whose beginning is gone.
  return undefined
}

/** The index of a backup that lies in a place, unencrypted. */
export async function indexIn(target: BackupTarget, name: string): Promise<Buffer> {
  const size = (await target.stat(name))?.size ?? 0
  const read = async (offset: number, length: number) => firstBytes(await target.open(name, offset), length)
  return (await readIndex({ size, read })).index
}

/** Passes an archive on and keeps its end, for the index of one that can be read only by others then. */
export class TailKeeper extends Transform {
  #chunks: Buffer[] = []
  #kept = 0
  #size = 0

  override _transform(chunk: Buffer, _encoding: string, done: (error: null, chunk: Buffer) => void): void {
    this.#chunks.push(chunk)
    this.#kept += chunk.length
    this.#size += chunk.length
    while (this.#kept - this.#chunks[0]!.length >= TAIL) this.#kept -= this.#chunks.shift()!.length
    done(null, chunk)
  }

  /** undefined when it is larger than what was kept. */
  async index(): Promise<Buffer | undefined> {
    const tail = Buffer.concat(this.#chunks)
    const start = this.#size - tail.length
    let whole = true
    const read = async (offset: number, length: number) => {
      if (offset < start) whole = false
      return tail.subarray(Math.max(0, offset - start), Math.max(0, offset - start) + length)
    }
    const found = await readIndex({ size: this.#size, read }).catch(() => undefined)
    return whole ? found?.index : undefined
  }
}
