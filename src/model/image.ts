import type { ContainerConfig } from './config.ts'

export interface Platform {
  os: string
  architecture: string
  variant?: string
}

export interface HistoryEntry {
  created?: string
  created_by?: string
  comment?: string
  author?: string
  empty_layer?: boolean
}

export interface LayerRecord {
  /** `sha256:…` of the uncompressed tar. */
  diffId: string
  /** `sha256:…` of the blob as it was pulled or loaded. */
  digest: string
  mediaType: string
  /** Bytes of the blob. */
  blobSize: number
  /** Snapshot key: the chain id of this layer on those below. */
  chainId: string
  /** Bytes on disk of the unpacked layer. */
  size: number
}

export interface ImageRecord {
  /** `sha256:…` of the config blob. */
  id: string
  /** `name:tag` references, normalized: `docker.io/library/busybox:latest`. */
  tags: string[]
  /** `name@sha256:…` references, normalized. */
  digests: string[]
  /** The manifest blob it came with or was given. */
  manifestDigest: string
  parent: string
  created: string
  platform: Platform
  author: string
  comment: string
  config: Partial<ContainerConfig>
  history: HistoryEntry[]
  layers: LayerRecord[]
  /** RFC 3339; '' if never tagged. */
  lastTagTime: string
}
