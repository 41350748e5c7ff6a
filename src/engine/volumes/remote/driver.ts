import { isKind, messageOf, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Plugins } from '#ports/plugins.ts'
import type { Repository } from '#ports/store.ts'
import type { Context } from '../context.ts'
import type { NewVolume, VolumeDriver } from '../driver.ts'
import type { RemoteListing } from './listing.ts'
import type { RemoteMount } from './mounts.ts'
import { readMountpoint, readScope, readVolume, reworded, type RemoteVolume } from './protocol.ts'

export interface RemoteDeps {
  plugins: Plugins
  mounts: Repository<RemoteMount>
  /** By plugin, as it said when it was last asked. */
  scopes: Repository<{ scope: 'local' | 'global' }>
  bootId: string
  listing: RemoteListing
}

/** Milliseconds for what may make or move data; Docker waits as long. */
const LONG = 120_000
/** For what is only told. */
const SHORT = 10_000
/** For what `inspect` shows besides. */
const STATUS = 2000
/** For looking at a directory that a plugin mounted: what it mounted may be dead. */
const LOOK = 2000
const ID_DIGITS = 64

/**
 * A plugin that speaks Docker's volume protocol (docs.docker.com/engine/extend/plugins_volume). The engine is one user to
 * it: the first container's Mount, the last one's Unmount.
 */
export class RemoteDriver implements VolumeDriver {
  readonly name: string
  readonly #ctx: Context
  readonly #deps: RemoteDeps

  constructor(name: string, ctx: Context, deps: RemoteDeps) {
    this.name = name
    this.#ctx = ctx
    this.#deps = deps
  }

  get scope(): 'local' | 'global' {
    return this.#deps.scopes.get(this.name)?.scope ?? 'local'
  }

  /** Options are the plugin's affair. */
  check(): void {}

  /** One that the plugin has already is taken as it is. */
  async create({ name, options }: NewVolume): Promise<string> {
    await this.#learnScope()
    const existing = await this.#get(name, SHORT)
    if (!existing) await this.#asked(`create ${name}`, 'Create', { Name: name, Opts: options }, LONG)
    return (existing ?? (await this.#get(name, SHORT).catch(() => undefined)))?.mountpoint ?? ''
  }

  async attach(volume: VolumeRecord): Promise<string> {
    const { mounts, bootId } = this.#deps
    const { name } = volume
    const known = mounts.get(name)
    // A plugin that started anew may have taken its mounts down: what lies there then is not the volume.
    const stands = known?.state === 'mounted' && (!known.isMountPoint || this.#ctx.mounts.isMounted(known.path))
    if (known && stands && known.bootId === bootId) return this.#checked(volume, known.path)
    // What was half mounted or half unmounted is let go under its own id first, whether the plugin knows of it or not.
    if (known && known.bootId === bootId)
      await this.#unmount(name, known).catch((error: unknown) => this.#left(name, error))
    const mount: RemoteMount = {
      id: this.#ctx.randomHex(ID_DIGITS),
      state: 'mounting',
      path: '',
      isMountPoint: false,
      bootId,
    }
    mounts.put(name, mount)
    const prefix = `error while mounting volume '${volume.mountpoint || name}'`
    let path: string
    try {
      path = await this.#mount(volume, prefix, mount)
    } catch (error) {
      await this.#unmount(name, mount).catch((undo: unknown) => this.#left(name, undo))
      throw error
    }
    mounts.put(name, { ...mount, state: 'mounted', path, isMountPoint: this.#ctx.mounts.isMounted(path) })
    const record = this.#ctx.records.get(name)
    if (record && record.mountpoint !== path) this.#ctx.records.put(name, { ...record, mountpoint: path })
    return path
  }

  async detach({ name }: VolumeRecord): Promise<void> {
    const mount = this.#deps.mounts.get(name)
    if (!mount) return
    if (mount.bootId !== this.#deps.bootId) return void this.#deps.mounts.delete(name)
    await this.#unmount(name, mount)
  }

  isAttached({ name }: VolumeRecord): boolean {
    return this.#deps.mounts.get(name) !== undefined
  }

  async discard({ name }: VolumeRecord): Promise<undefined> {
    try {
      await this.#asked(`remove ${name}`, 'Remove', { Name: name }, LONG)
    } catch (error) {
      // It may have been removed when the daemon, or the plugin, died.
      const isGone = refused(error) && (await this.#get(name, SHORT).catch(() => null)) === undefined
      if (!isGone) throw error
    }
    this.#deps.listing.removed(this.name, name)
  }

  forget({ name }: VolumeRecord): void {
    this.#deps.mounts.delete(name)
  }

  async usage(): Promise<number> {
    return -1
  }

  isPlain(): boolean {
    return false
  }

  async status({ name }: VolumeRecord): Promise<Record<string, unknown> | undefined> {
    return (await this.#get(name, STATUS))?.status
  }

  async #mount(volume: VolumeRecord, prefix: string, { id }: RemoteMount): Promise<string> {
    const { name } = volume
    const answer = await this.#asked(prefix, 'Mount', { Name: name, ID: id }, LONG)
    let path = readMountpoint(this.name, 'Mount', answer)
    if (path === '') path = readMountpoint(this.name, 'Path', await this.#asked(prefix, 'Path', { Name: name }, SHORT))
    if (path === '') throw system(`${prefix}: plugin "${this.name}" does not say where it has mounted it`)
    return this.#checked(volume, path)
  }

  /** @throws system when there is no such directory, or looking at it takes too long */
  async #checked({ name }: VolumeRecord, path: string): Promise<string> {
    const { files, mounts, clock } = this.#ctx
    // Looking into a mount of a dead server would hang.
    if (mounts.isMounted(path)) return path
    const stop = new AbortController()
    const late = clock.sleep(LOOK, stop.signal).then(
      () => 'late' as const,
      () => 'late' as const,
    )
    const found = await Promise.race([files.stat(path, { follow: true }).catch(() => undefined), late])
    stop.abort(new Error('seen'))
    const of = `volume ${name} of plugin "${this.name}" is at ${path}`
    if (found === 'late') throw system(`${of}, which does not answer`)
    if (found?.kind === 'directory') return path
    throw system(`${of}, ${found ? 'which is no directory' : 'where nothing is'}`)
  }

  /** A record stays behind when it fails, so that it is tried again. */
  async #unmount(name: string, mount: RemoteMount): Promise<void> {
    const { mounts } = this.#deps
    mounts.put(name, { ...mount, state: 'unmounting' })
    try {
      await this.#asked(`unmount ${name}`, 'Unmount', { Name: name, ID: mount.id }, LONG)
    } catch (error) {
      // One that is told of a mount for the second time, or never was of the first, may say that there is none.
      if (mount.state === 'mounted' || !refused(error)) throw error
      this.#left(name, error)
    }
    mounts.delete(name)
  }

  #left(name: string, error: unknown): void {
    this.#ctx.log.warn('a plugin did not unmount a volume', {
      volume: name,
      plugin: this.name,
      error: messageOf(error),
    })
  }

  async #learnScope(): Promise<void> {
    const answer = await this.#deps.plugins
      .call(this.name, 'VolumeDriver.Capabilities', {}, { timeoutMs: SHORT })
      // Plugins of the protocol's first version do not know the method.
      .catch(() => ({}))
    const scope = readScope(answer)
    if (scope !== this.scope) this.#deps.scopes.put(this.name, { scope })
  }

  /** @returns undefined when the plugin says that it has none, in whatever words */
  async #get(name: string, timeoutMs: number): Promise<RemoteVolume | undefined> {
    let answer: Record<string, unknown>
    try {
      answer = await this.#asked(`get ${name}`, 'Get', { Name: name }, timeoutMs)
    } catch (error) {
      if (refused(error)) return undefined
      throw error
    }
    return readVolume(this.name, answer)
  }

  async #asked(prefix: string, method: string, body: object, timeoutMs: number): Promise<Record<string, unknown>> {
    try {
      return await this.#deps.plugins.call(this.name, `VolumeDriver.${method}`, body, { timeoutMs })
    } catch (error) {
      throw reworded(error, prefix, method)
    }
  }
}

/** It answered, and the answer is no. */
function refused(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined
  return isKind(cause, 'system') && typeof (cause as { details: { reason?: unknown } }).details.reason === 'string'
}
