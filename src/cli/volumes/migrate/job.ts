import type { BackupFormat } from '#model/backup.ts'
import type { Context } from '../../core/context.ts'
import { humanSize } from '../../render/units.ts'
import { meter } from '../backup/meter.ts'

/** One volume that is to be moved. */
export interface Job {
  name: string
  /** Its name on the far side. */
  as: string
  format: BackupFormat
  /** 0: the format's usual one. */
  level: number
  pause: boolean
  replace: boolean
  /** Image for a container there that is never started, where there is a plain Docker; '' takes one. */
  helperImage: string
  signal: AbortSignal
}

/** What has been moved, and checked on the far side. */
export interface Moved {
  /** Of the tree, as it was read. */
  digest: string
  files: number
  /** Of content. */
  bytes: number
  /** Over the wire. */
  sentBytes: number
  /** Files that changed while they were read. */
  changed: string[]
  /** Attributes that could not be kept, in words. */
  notKept: string[]
  /** Whether the volume here still is what was read. */
  unchanged(): Promise<boolean>
  /** Gives back what the job needed here. */
  close(): Promise<void>
}

/** Where one job tells how far it is: a line on the terminal, and elsewhere only what goes wrong. */
export class Report {
  readonly #context: Context
  readonly #quiet: boolean
  readonly #end: () => void
  #bytes = 0
  #total = -1
  #arrived = 0
  #state = ''

  constructor(context: Context, quiet: boolean) {
    this.#context = context
    this.#quiet = quiet
    this.#end = meter(context, quiet, async () => ({
      bytes: this.#bytes,
      total: this.#total,
      note: this.#state || `${humanSize(this.#arrived, 3)} arrived`,
    }))
  }

  total(bytes: number): void {
    this.#total = bytes
  }

  read(bytes: number): void {
    this.#bytes = bytes
  }

  arrived(bytes: number): void {
    this.#arrived = bytes
  }

  /** Instead of the numbers, until ''. */
  say(state: string): void {
    if (state !== '' && state !== this.#state && !this.#quiet && !this.#context.stderr.isTTY) this.#context.warn(state)
    this.#state = state
  }

  end(): void {
    this.#end()
  }
}
