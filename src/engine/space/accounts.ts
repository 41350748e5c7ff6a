import type { Clock } from '#lib/clock.ts'
import { messageOf } from '#lib/errors.ts'
import { Limit } from '#lib/limit.ts'
import type { Logger } from '#lib/log.ts'
import type { Repository, Store } from '#ports/store.ts'
import type { Usage } from '#ports/usage.ts'
import { Background } from './background.ts'
import { affordable, stateOf, type Figure, type Known, type Shown, type Tree } from './figures.ts'

export interface AccountsOptions {
  store: Store
  usage: Usage
  clock: Clock
  log: Logger
  dataRoot: string
}

/** Milliseconds that a report waits for trees whose last figure would do. */
const BUDGET = 450
/** Of these, for looking whether the host has changed what nobody uses. */
const DOUBT = 150
/** Milliseconds for which a figure of what nobody uses is not doubted. */
const TRUST = 1_000
/** Milliseconds of walking that one report leaves to the background, beyond what is in use. */
const BEHIND = 10_000
/** Of what has come to rest: how many times as long as a walk takes must pass before the next. */
const REST = 20
/** Bytes on the disk that figures leave to others. */
const ROOM = 8 << 20
/** Names that are looked at in a millisecond, about. */
const NAMES = 300

interface Walk {
  figure: Promise<Figure>
  background: boolean
  controller: AbortController
}

/**
 * What trees take on disk, measured once and kept. A tree that nobody has had mounted since it was measured cannot have
 * changed, but by somebody on the host: who made or removed something at its top is noticed at once, who did so deeper
 * when the tree is walked again, which reports do as far as there is time. Figures survive the daemon: `changing` is on
 * disk before anybody can write.
 */
export class Accounts {
  readonly #figures: Repository<Figure>
  readonly #usage: Usage
  readonly #clock: Clock
  readonly #log: Logger
  readonly #dataRoot: string
  /** Figures that could not be written down. */
  readonly #unwritten = new Map<string, Figure>()
  /** Walks under way, by path: who comes second waits for the first one's. */
  readonly #walks = new Map<string, Walk>()
  /** Paths below which somebody may write. */
  readonly #writers = new Set<string>()
  /** Paths that had a writer while they were walked. */
  readonly #disturbed = new Set<string>()
  readonly #background: Background<Tree>

  constructor({ store, usage, clock, log, dataRoot }: AccountsOptions) {
    this.#figures = store.repository<Figure>('usage')
    this.#usage = usage
    this.#clock = clock
    this.#log = log
    this.#dataRoot = dataRoot
    this.#background = new Background(clock, (tree, signal) => this.#renew(tree, signal))
  }

  /** Somebody is about to write below the path. Costs a write to the store once, not each time. */
  changing(path: string): void {
    this.#writers.add(path)
    this.#disturbed.add(path)
    const figure = this.#get(path)
    if (figure?.settled) this.#put({ ...figure, settled: false })
  }

  /** Nobody writes there any more: it is measured when there is nothing else to do, and not all the time. */
  settled(path: string): void {
    this.#writers.delete(path)
    const figure = this.#get(path)
    const rest = figure ? this.#clock.now() - figure.measuredAt : Infinity
    if (!figure || rest >= figure.tookMs * REST) this.#background.add({ path, witness: path, inUse: false })
  }

  gone(path: string): void {
    this.#writers.delete(path)
    this.#disturbed.delete(path)
    this.#background.drop(path)
    this.#unwritten.delete(path)
    this.#write(() => this.#figures.delete(path))
  }

  /** One tree's figure, measured now unless it is known. */
  async of(tree: Tree): Promise<Figure> {
    const figure = this.#get(tree.path)
    const state = stateOf(figure, tree, await this.#usage.stamp(tree.witness))
    return figure && state === 'current' ? figure : this.#measure(tree)
  }

  /** The figures of all, by path: within a second, unless some were never measured or changed behind our back. */
  async report(trees: readonly Tree[]): Promise<Map<string, Shown>> {
    const began = performance.now()
    const known: Known[] = []
    const needed: Tree[] = []
    for (const tree of trees) {
      const figure = this.#get(tree.path)
      const state = stateOf(figure, tree, await this.#usage.stamp(tree.witness))
      if (figure && (state === 'current' || state === 'inUse')) known.push({ ...figure, tree, state })
      else needed.push(tree)
    }
    const fresh = new Map<string, Figure>()
    const limit = new Limit(this.#usage.lanes)
    // A tree that cannot be read must not take the others' figures away.
    const measure = async (tree: Tree) => {
      try {
        fresh.set(tree.path, await this.#measure(tree))
      } catch (error) {
        this.#log.debug('a tree was not measured', { path: tree.path, error: messageOf(error) })
      }
    }
    const needs = needed.map(tree => limit.run(() => measure(tree)))
    const wishes = this.#wishes(known).map(({ tree }) =>
      // Where the estimate was wrong, or the machine is busy, the rest is left to the background.
      limit.run(async () => (performance.now() - began < BUDGET ? measure(tree) : undefined)),
    )
    const patience = new AbortController()
    const late = this.#clock.sleep(BUDGET, patience.signal).catch(() => {})
    try {
      await Promise.all([...needs, Promise.race([Promise.all(wishes), late])])
    } finally {
      patience.abort()
    }
    this.#leave(known.filter(({ tree }) => !fresh.has(tree.path) && !this.#walks.has(tree.path)))
    const shown = new Map<string, Shown>()
    for (const { tree, state, ...figure } of known) shown.set(tree.path, { ...figure, stale: state === 'inUse' })
    for (const [path, figure] of fresh) shown.set(path, { ...figure, stale: false })
    return shown
  }

  /** Forgets the figures of what is gone. @param owned the paths that are there */
  retain(owned: { has(path: string): boolean }): void {
    for (const path of this.#unwritten.keys()) if (!owned.has(path)) this.#unwritten.delete(path)
    for (const { path } of this.#figures.list()) {
      if (!owned.has(path)) this.#write(() => this.#figures.delete(path))
    }
  }

  async close(): Promise<void> {
    for (const { controller } of this.#walks.values()) controller.abort(new Error('the daemon ends'))
    await this.#background.close()
  }

  /** First what is in use; then, as far as there is time, what the host may have changed. */
  #wishes(known: readonly Known[]): Known[] {
    const now = this.#clock.now()
    const { lanes } = this.#usage
    const first = affordable(
      known.filter(({ state }) => state === 'inUse'),
      BUDGET,
      lanes,
    )
    const spent = first.reduce((sum, { tookMs }) => sum + tookMs, 0) / lanes
    const doubted = known.filter(({ state, measuredAt }) => state === 'current' && now - measuredAt > TRUST)
    return [...first, ...affordable(doubted, Math.min(DOUBT, BUDGET - spent), lanes)]
  }

  /** What is in use all goes to the background; of what is merely doubted, the oldest. */
  #leave(rest: readonly Known[]): void {
    let left = BEHIND
    for (const { tree, state, tookMs } of rest.toSorted((a, b) => a.measuredAt - b.measuredAt)) {
      if (state === 'inUse' || (left -= tookMs) > 0) this.#background.add(tree)
    }
  }

  async #renew(tree: Tree, signal: AbortSignal): Promise<void> {
    try {
      const walk = this.#walks.get(tree.path) ?? this.#start(tree, true)
      const end = () => walk.controller.abort(signal.reason)
      signal.addEventListener('abort', end, { once: true })
      await walk.figure.finally(() => signal.removeEventListener('abort', end))
    } catch (error) {
      this.#log.debug('a tree was not measured', { path: tree.path, error: messageOf(error) })
    }
  }

  #measure(tree: Tree): Promise<Figure> {
    this.#background.drop(tree.path)
    const under = this.#walks.get(tree.path)
    if (under && !under.background) return under.figure
    // Somebody waits now: not at the pace of what nobody waits for.
    under?.controller.abort(new Error('it is measured at once'))
    return this.#start(tree, false).figure
  }

  #start(tree: Tree, background: boolean): Walk {
    const controller = new AbortController()
    const figure = this.#walk(tree, background, controller.signal).finally(() => {
      if (this.#walks.get(tree.path) === walk) this.#walks.delete(tree.path)
    })
    figure.catch(() => {})
    const walk = { figure, background, controller }
    this.#walks.set(tree.path, walk)
    return walk
  }

  #get(path: string): Figure | undefined {
    return this.#unwritten.get(path) ?? this.#figures.get(path)
  }

  #put(figure: Figure): void {
    this.#unwritten.set(figure.path, figure)
    if (this.#write(() => this.#figures.put(figure.path, figure))) this.#unwritten.delete(figure.path)
  }

  /** On a full disk what room there is belongs to what gives room back: figures are only remembered. */
  #write(work: () => unknown): boolean {
    if (this.#usage.room(this.#dataRoot) < ROOM) return false
    try {
      work()
      return true
    } catch (error) {
      this.#log.debug('a figure was not written down', { error: messageOf(error) })
      return false
    }
  }

  async #walk(tree: Tree, background: boolean, signal: AbortSignal): Promise<Figure> {
    const { path, witness } = tree
    this.#disturbed.delete(path)
    const stamp = await this.#usage.stamp(witness)
    const began = performance.now()
    const size = await this.#usage.measure(path, { background, signal })
    const took = performance.now() - began
    const calm = !tree.inUse && !this.#writers.has(path) && !this.#disturbed.has(path)
    const figure: Figure = {
      ...size,
      path,
      measuredAt: this.#clock.now(),
      // At the background's pace it says little about what it takes who waits.
      tookMs: Math.round((background ? Math.min(took, size.files / NAMES) : took) * 10) / 10,
      stamp,
      settled: calm && (await this.#usage.stamp(witness)) === stamp,
    }
    this.#disturbed.delete(path)
    // An absent one is nothing that could be kept.
    if (size.files > 0 || stamp !== '') this.#put(figure)
    return figure
  }
}
