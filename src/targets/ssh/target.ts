import { randomBytes } from 'node:crypto'
import type { Readable } from 'node:stream'
import { BerthError, conflict, invalid, isKind } from '#lib/errors.ts'
import type { BackupTarget, PutOptions, TargetEnvironment, TargetObject } from '#ports/targets.ts'
import { endWith } from '../abort.ts'
import { isPart, partOf, segmentsOf } from '../names.ts'
import { DELAYS, Patience } from '../patience.ts'
import type { Place } from '../url.ts'
import { download } from './download.ts'
import { finishScript, listScript, removeScript, statScript } from './scripts.ts'
import { ask, wayTo, type Way } from './session.ts'
import { Upload, type Uploaded } from './upload.ts'
import { isBroken } from './words.ts'

/** A directory of another host, through the system's ssh(1). The other side needs a POSIX shell and its usual programs. */
export class SshTarget implements BackupTarget {
  readonly url: string
  readonly #way: Way
  readonly #delays: readonly number[]

  constructor(place: Place & { kind: 'ssh' }, environment: TargetEnvironment, delays: readonly number[] = DELAYS) {
    const port = place.port === undefined ? '' : `:${place.port}`
    this.#way = wayTo(place, environment, process.stdin.isTTY === true)
    const user = place.user === undefined ? '' : `${place.user}@`
    const host = place.host.includes(':') ? `[${place.host}]` : place.host
    this.url = `ssh://${user}${host}${port}${place.path.replace(/^\.\//, '/~/')}`
    this.#delays = delays
  }

  async put(name: string, content: Readable, options: PutOptions = {}): Promise<{ bytes: number }> {
    const names = namesOf(name, options.resume ?? randomBytes(8).toString('hex'))
    const release = endWith(content, options.signal)
    try {
      options.signal?.throwIfAborted()
      const patience = new Patience(this.#delays, options)
      options.onToken?.(names.token)
      const compare = options.resume !== undefined
      const uploaded = await new Upload(this.#way, names, name, content, patience, { ...options, compare }).run()
      await this.#finish(name, names, uploaded, patience)
      return { bytes: uploaded.bytes }
    } catch (error) {
      content.destroy()
      const useless = error instanceof BerthError && error.details['damaged'] === true
      if (useless || (!options.onToken && !isBroken(error) && !isKind(error, 'unauthenticated'))) {
        await ask(this.#way, removeScript(this.#way.place, names.part), name, AbortSignal.timeout(20_000)).catch(
          () => {},
        )
      }
      throw error
    } finally {
      release()
    }
  }

  open(
    name: string,
    offset = 0,
    options: { onWait?: (reason: string) => void; signal?: AbortSignal } = {},
  ): Promise<Readable> {
    return download(this.#way, fileOf(name), name, offset, new Patience(this.#delays, options))
  }

  async stat(name: string): Promise<TargetObject | undefined> {
    try {
      return parseList(await ask(this.#way, statScript(this.#way.place, fileOf(name)), name))[0]
    } catch (error) {
      if (isKind(error, 'not-found')) return undefined
      throw error
    }
  }

  async list(prefix = ''): Promise<TargetObject[]> {
    if (prefix.includes('\0')) throw invalid('the prefix contains a null byte')
    if (prefix.includes('/')) segmentsOf(prefix.slice(0, prefix.lastIndexOf('/')))
    const all = parseList(await ask(this.#way, listScript(this.#way.place, prefix), ''))
    return all.filter(one => one.name.startsWith(prefix)).sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  async remove(name: string): Promise<void> {
    await ask(this.#way, removeScript(this.#way.place, fileOf(name)), name)
  }

  async close(): Promise<void> {}

  /** The answer may be lost although it was done: then what bears the name now is what we sent. */
  async #finish(object: string, names: Names, { bytes, digest }: Uploaded, patience: Patience): Promise<void> {
    const script = finishScript(this.#way.place, names)
    for (;;) {
      try {
        const [word, size, theirs] = (await ask(this.#way, script, object, patience.signal)).trim().split(' ')
        const same = Number(size) === bytes && (word === 'done' || theirs === 'none' || theirs === digest)
        if (same) return
        throw conflict(`somebody else wrote ${object} on ${this.#way.host} meanwhile`)
      } catch (error) {
        if (!isBroken(error)) throw error
        await patience.after(error)
      }
    }
  }
}

interface Names {
  /** All three relative to the place, beginning with `./`. */
  directory: string
  part: string
  file: string
  /** 16 hex digits, of the part. */
  token: string
}

function namesOf(name: string, token: string): Names {
  const segments = segmentsOf(name)
  const random = /^[0-9a-f]{16}$/.test(token) ? token : randomBytes(8).toString('hex')
  const directory = ['.', ...segments.slice(0, -1)].join('/')
  const part = `${directory}/${partOf(segments.at(-1)!, random)}`
  return { directory, part, file: fileOf(name), token: random }
}

const fileOf = (name: string) => `./${segmentsOf(name).join('/')}`

function parseList(text: string): TargetObject[] {
  return Array.from(text.matchAll(/(\d+) (\d+) \.\/(.*?)\/(?:\n|$)/gs), ([, size, seconds, name]) => ({
    name: name!,
    size: Number(size),
    modified: Number(seconds) * 1000,
  })).filter(one => !isPart(one.name.slice(one.name.lastIndexOf('/') + 1)))
}
