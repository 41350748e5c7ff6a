import type { ContainerConfig } from '#model/config.ts'
import type { Filters } from '#model/filters.ts'
import type { ImageRecord, Platform } from '#model/image.ts'
import type { BootstrapRequest } from '#ports/bootstrap.ts'
import type { RegistryAuth } from '#ports/registry.ts'
import type { Readable } from 'node:stream'

/** One line of a pull, push or load (API: `JSONMessage`). */
export interface Progress {
  status?: string
  id?: string
  stream?: string
  progressDetail?: { current?: number; total?: number }
  aux?: unknown
}
export type OnProgress = (line: Progress) => void

export interface ImageSummary {
  image: ImageRecord
  /** Bytes of all layers on disk. */
  size: number
  /** Bytes shared with other images; -1 when not asked. */
  sharedSize: number
  /** -1 when not asked. */
  containers: number
}

/** What images take on disk: unpacked layers and blobs, each once. */
export interface ImagesUsage {
  layersSize: number
  /** Bytes that no image with a container needs. */
  reclaimable: number
  /** Bytes of downloads that were cut short or given up. */
  partial: number
  /** Sizes with blobs. */
  images: ImageSummary[]
}

export interface PlannedImage {
  image: ImageRecord
  /** Bytes that its removal gives back, those before it being gone. */
  size: number
}

export interface ImageDelete {
  Untagged?: string
  Deleted?: string
}

export interface PullOptions {
  /** As the user wrote it: `busybox`, `host:5000/a/b:tag`, `name@sha256:…`. */
  reference: string
  platform?: Platform
  auth?: RegistryAuth
  allTags?: boolean
  signal?: AbortSignal
}

export interface CommitOptions {
  /** Snapshot to take the changes of. */
  snapshotKey: string
  parent: ImageRecord
  config: Partial<ContainerConfig>
  reference?: string
  comment: string
  author: string
  createdBy: string
  containerId: string
}

export interface BootstrapOptions extends BootstrapRequest {
  /** Name to give; the image's own (`debian:bookworm`) unless set. */
  tag?: string
  cmd?: string[]
  entrypoint?: string[]
  /** Dockerfile instructions, as for import. */
  changes?: string[]
}

/** Images and the root filesystems made from them. */
export interface ImagesService {
  /** By id, id prefix, reference or digest. @throws not-found `no such image: x` */
  resolve(reference: string, platform?: Platform): ImageRecord
  /** The name to show for an image: first tag familiar form, else the id. */
  familiar(reference: string): string

  list(filters: Filters, options?: { all?: boolean; sharedSize?: boolean }): Promise<ImageSummary[]>
  pull(options: PullOptions, onProgress: OnProgress): Promise<ImageRecord>
  push(options: PullOptions, onProgress: OnProgress): Promise<void>
  tag(source: string, target: string): void
  remove(reference: string, options: { force: boolean; noPrune: boolean }): Promise<ImageDelete[]>
  prune(filters: Filters): Promise<{ deleted: ImageDelete[]; spaceReclaimed: number }>
  load(tar: Readable, onProgress: OnProgress, options?: { platform?: Platform }): Promise<ImageRecord[]>
  save(references: string[], options?: { platform?: Platform }): Promise<Readable>
  import(
    tar: Readable,
    options: { reference?: string; message?: string; changes?: string[]; platform?: Platform },
  ): Promise<ImageRecord>
  commit(options: CommitOptions): Promise<ImageRecord>
  /** Makes a base image on machines that reach no registry: `busybox`, or `debian:<suite>`. */
  bootstrap(options: BootstrapOptions, onProgress: OnProgress): Promise<ImageRecord>

  /** Writable root filesystem for a container; an `ephemeral` one need not survive a power cut (`--rm`). */
  createRootfs(key: string, image: ImageRecord, options?: { ephemeral?: boolean }): Promise<void>
  mountRootfs(key: string): Promise<string>
  unmountRootfs(key: string): Promise<void>
  removeRootfs(key: string): Promise<void>
  rootfsChanges(key: string): Promise<{ Path: string; Kind: 0 | 1 | 2 }[]>
  rootfsUsage(key: string): Promise<number>
  /** Read-only root of an image, for image mounts and copy-up. */
  mountImage(image: ImageRecord): Promise<string>

  /** Removes blobs, snapshots and mounts that nothing refers to. `roots` are the containers' snapshot keys. */
  sweep(roots: ReadonlySet<string>): Promise<void>
  /** Measures nothing but blobs. */
  diskUsage(): Promise<ImagesUsage>
  /** Where a container's own files are. @throws not-found */
  rootfsTree(key: string): { path: string; witness: string; inUse: boolean }
  /**
   * What `prune` would remove, and the bytes of unfinished downloads that go with it.
   *
   * @param without containers that are counted as gone
   */
  planPrune(filters: Filters, without: ReadonlySet<string>): Promise<{ images: PlannedImage[]; partial: number }>
}
