import type { KeyedLock } from '#lib/keyed-lock.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { EngineEvent } from '#model/event.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { Bootstrap } from '#ports/bootstrap.ts'
import type { Content, Snapshots } from '#ports/content.ts'
import type { Registry } from '#ports/registry.ts'
import type { Store } from '#ports/store.ts'
import type { Readable } from 'node:stream'
import type { Catalog } from './catalog.ts'
import type { Leases } from './leases.ts'
import type { Shared } from './shared.ts'

/** What the image service stands on. */
export interface ImagesOptions {
  store: Store
  content: Content
  snapshots: Snapshots
  registry: Registry
  bootstrap: Bootstrap
  /** Containers made from an image, whatever their state. */
  users: (imageId: string) => { id: string; running: boolean }[]
  publish: (event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>) => void
  /** Kept figures of what containers' own files take; without them each question walks. */
  accounts?: { of(tree: ReturnType<Snapshots['tree']>): Promise<{ bytes: number }> }
  clock: Clock
  log: Logger
  /** What this host runs. */
  platform: Platform
  /** Opens what Node cannot (bzip2, xz); without it such archives are refused. */
  decompress?: (source: Readable) => Promise<Readable>
  registries?: {
    /** Hosts or URLs tried first for Docker Hub images, in order. */
    mirrors?: readonly string[]
    /** `host`, `host:port` or CIDR: plain HTTP and unknown certificates are accepted. Loopback always is. */
    insecure?: readonly string[]
  }
}

/** The parts that the verbs of this folder work with. */
export interface ImagesContext extends ImagesOptions {
  catalog: Catalog
  leases: Leases
  locks: KeyedLock
  /** Pulls under way, by what they fetch. */
  pulls: Shared<ImageRecord>
}

/** RFC 3339 with milliseconds, now. */
export const timestamp = (clock: Clock): string => new Date(clock.now()).toISOString()
