import { conflict, isKind, messageOf } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { CreateVolume, StagedVolume } from '#engine/volumes/index.ts'
import { portableOptions } from '../context.ts'
import type { Context } from '../context.ts'
import type { Choice } from './choose.ts'

/** Which volumes are being restored, and by which restore: two at once onto one volume would undo each other. */
export type Claims = Map<string, string>

/** The places that one restore writes to: one for each volume, kept from the full backup to the last incremental one. */
export class Places {
  readonly #ctx: Context
  readonly #claims: Claims
  readonly #id: string
  readonly #replace: boolean
  /** By the name in the archive. */
  readonly #staged = new Map<string, { to: string; stage: StagedVolume }>()
  /** Settles when what is being made has been made. */
  #opening: Promise<unknown> = Promise.resolve()

  constructor(ctx: Context, claims: Claims, id: string, replace: boolean) {
    this.#ctx = ctx
    this.#claims = claims
    this.#id = id
    this.#replace = replace
  }

  /** Directories for the choices; those of volumes that a later backup no longer has are given back. */
  open(choices: readonly (Choice | undefined)[]): Promise<(string | undefined)[]> {
    const opened = this.#openAll(choices)
    this.#opening = opened.catch(() => {})
    return opened
  }

  async #openAll(choices: readonly (Choice | undefined)[]): Promise<(string | undefined)[]> {
    const wanted = new Set(choices.map(choice => choice?.from))
    for (const from of this.#staged.keys()) if (!wanted.has(from)) await this.#giveBack(from)
    const paths: (string | undefined)[] = []
    for (const choice of choices) paths.push(choice && (await this.#open(choice)))
    return paths
  }

  /** All of them, or, as far as can be told before, none. */
  async commit(): Promise<VolumeRecord[]> {
    const records: VolumeRecord[] = []
    for (const [from, { to, stage }] of this.#staged) {
      try {
        records.push(await stage.commit())
      } catch (cause) {
        if (records.length === 0) throw cause
        const done = records.map(({ name }) => name).join(', ')
        throw conflict(`volume ${to} could not be put in its place (restored already: ${done})`, { cause })
      }
      this.#staged.delete(from)
      this.#claims.delete(to)
    }
    return records
  }

  /** What is being made in this moment is given back too. */
  async abort(): Promise<void> {
    await this.#opening
    for (const from of Array.from(this.#staged.keys())) await this.#giveBack(from)
  }

  async #open({ from, to, volume }: Choice): Promise<string> {
    const known = this.#staged.get(from)
    if (known) return known.stage.path
    const other = this.#claims.get(to)
    if (other !== undefined) throw conflict(`volume ${to} is being restored already (restore ${other})`)
    this.#claims.set(to, this.#id)
    try {
      const stage = await this.#ctx.volumes.stage({ ...this.#likeness(to, volume), replace: this.#replace })
      this.#staged.set(from, { to, stage })
      return stage.path
    } catch (error) {
      this.#claims.delete(to)
      throw error
    }
  }

  /** What the volume is now, or, where there is none, what the archive says of it. */
  #likeness(name: string, volume: Choice['volume']): CreateVolume {
    try {
      const { driver, options, labels } = this.#ctx.volumes.get(name)
      return { name, driver, options, labels }
    } catch (error) {
      if (!isKind(error, 'not-found')) throw error
    }
    return {
      name,
      driver: 'local',
      options: volume ? portableOptions(volume) : {},
      labels: volume?.labels ?? {},
    }
  }

  async #giveBack(from: string): Promise<void> {
    const { to, stage } = this.#staged.get(from)!
    this.#staged.delete(from)
    this.#claims.delete(to)
    await stage.abort().catch((error: unknown) => {
      this.#ctx.log.warn('the place of a restore could not be given back; the next start of the daemon does it', {
        volume: to,
        error: messageOf(error),
      })
    })
  }
}
