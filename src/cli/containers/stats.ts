import { setTimeout as sleep } from 'node:timers/promises'
import type { ContainerStats } from '#wire/index.ts'
import { CliError, defineCommand, FORMAT_HELP } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { errorText } from '../core/report.ts'
import { renderRows } from '../render/format.ts'
import { STATS_LISTING, statsRow } from './stats-row.ts'

const REFRESH_MS = 500
const CLEAR_SCREEN = '\u001b[2J\u001b[H'

export const command = defineCommand({
  usage: '[OPTIONS] [CONTAINER...]',
  args: [0, Infinity],
  complete: 'running-container',
  flags: {
    all: { type: 'bool', short: 'a', help: 'Show all containers (default shows just running)' },
    format: { type: 'string', help: FORMAT_HELP },
    'no-stream': { type: 'bool', help: 'Disable streaming stats and only pull the first result' },
    'no-trunc': { type: 'bool', help: 'Do not truncate output' },
  },
  async run(context, { args, flags }) {
    const format = flags.format || context.config.statsFormat || ''
    const show = (watch: Watch) => {
      const rows = watch.names().map(name => statsRow(name, watch.latest.get(name), !flags['no-trunc']))
      return renderRows(rows, STATS_LISTING, { format, columns: context.columns })
    }
    const watch = new Watch(context, args, flags.all, !flags['no-stream'])
    try {
      await watch.begin()
      if (flags['no-stream']) {
        context.stdout.write(show(watch))
        return
      }
      for (;;) {
        await sleep(REFRESH_MS)
        context.stdout.write((context.stdout.isTTY ? CLEAR_SCREEN : '') + show(watch))
        if (args.length > 0 && watch.names().length === 0) return
      }
    } finally {
      watch.stop()
    }
  },
})

/** The newest sample of each container; without names those that run, as they come and go. */
class Watch {
  readonly latest = new Map<string, ContainerStats | undefined>()
  readonly #context: Context
  readonly #wanted: readonly string[]
  readonly #all: boolean
  readonly #stream: boolean
  readonly #abort = new AbortController()

  constructor(context: Context, wanted: readonly string[], all: boolean, stream: boolean) {
    this.#context = context
    this.#wanted = wanted
    this.#all = all
    this.#stream = stream
  }

  names(): string[] {
    return Array.from(this.latest.keys())
  }

  stop(): void {
    this.#abort.abort()
  }

  async begin(): Promise<void> {
    const { client } = this.#context
    const { signal } = this.#abort
    if (this.#wanted.length === 0 && this.#stream) {
      const events = await client.events.stream({ filters: { type: ['container'] }, signal })
      void this.#follow(events)
    }
    const names =
      this.#wanted.length > 0
        ? this.#wanted
        : (await client.containers.list({ all: this.#all || undefined })).map(container => container.Id)
    const first = names.map(name => this.#add(name))
    const failures = (await Promise.all(first)).filter(failure => failure !== undefined)
    if (failures.length > 0 && this.#wanted.length > 0) throw new CliError(failures.join('\n'))
  }

  /** Resolves at the first sample, with the error text if there is none. */
  async #add(name: string): Promise<string | undefined> {
    this.latest.set(name, undefined)
    try {
      const { signal } = this.#abort
      const samples = await this.#context.client.containers.stats(name, { stream: this.#stream, signal })
      const { value } = await samples.next()
      if (value) this.latest.set(name, value as ContainerStats)
      if (this.#stream) void this.#update(name, samples)
      return undefined
    } catch (error) {
      this.latest.delete(name)
      return errorText(error)
    }
  }

  async #update(name: string, samples: AsyncIterable<ContainerStats>): Promise<void> {
    try {
      for await (const sample of samples) if (this.latest.has(name)) this.latest.set(name, sample)
    } catch {
      // It stopped, or we do.
    }
    if (!this.#all) this.latest.delete(name)
  }

  async #follow(events: AsyncIterable<{ Action: string; Actor: { ID: string } }>): Promise<void> {
    try {
      for await (const { Action, Actor } of events) {
        if (Action === 'start' && !this.latest.get(Actor.ID)) void this.#add(Actor.ID)
        if (Action === 'die' && !this.#all) this.latest.delete(Actor.ID)
        if (Action === 'destroy') this.latest.delete(Actor.ID)
      }
    } catch {
      // The command ends.
    }
  }
}
