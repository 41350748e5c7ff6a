import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Context } from '../../core/context.ts'

/** What is needed to go on with an upload that was interrupted. */
export interface Upload {
  /** Id and time of the backup: with them, the same content gives the same bytes. */
  id: string
  createdAt: string
  name: string
  /** The place's own; '' while there is none. */
  token: string
}

/** The upload of these volumes, in this way, to this place. */
export class UploadState {
  readonly #path: string

  constructor(context: Context, key: readonly unknown[]) {
    const root = context.env['XDG_STATE_HOME'] || join(context.env['HOME'] || homedir(), '.local/state')
    const name = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 32)
    this.#path = join(root, 'berth', 'uploads', `${name}.json`)
  }

  /** undefined when nothing was interrupted. */
  async read(): Promise<Upload | undefined> {
    try {
      return JSON.parse(await readFile(this.#path, 'utf8')) as Upload
    } catch {
      return undefined
    }
  }

  async write(upload: Upload): Promise<void> {
    await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 })
    const beside = `${this.#path}.${process.pid}`
    await writeFile(beside, JSON.stringify(upload), { mode: 0o600 })
    await rename(beside, this.#path)
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true })
  }
}
