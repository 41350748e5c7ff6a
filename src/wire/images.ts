import type { ContainerConfig } from '#model/config.ts'
import type { GraphDriver } from './containers.ts'

/** One entry of `GET /images/json` */
export interface ImageSummaryJson {
  Id: string
  ParentId: string
  RepoTags: string[]
  RepoDigests: string[]
  /** Seconds since the epoch. */
  Created: number
  Size: number
  SharedSize: number
  /** Before 1.44. */
  VirtualSize?: number
  Labels: Record<string, string> | null
  Containers: number
}

/** `GET /images/{name}/json` */
export interface ImageInspect {
  Id: string
  RepoTags: string[]
  RepoDigests: string[]
  Parent: string
  Comment: string
  Created: string
  DockerVersion: string
  Author: string
  Config: Partial<ContainerConfig>
  Architecture: string
  Variant?: string
  Os: string
  Size: number
  /** Before 1.44. */
  VirtualSize?: number
  GraphDriver: GraphDriver
  RootFS: { Type: 'layers'; Layers: string[] }
  Metadata: { LastTagTime: string }
}

/** One entry of `GET /images/{name}/history` */
export interface ImageHistoryEntry {
  Id: string
  /** Seconds since the epoch. */
  Created: number
  CreatedBy: string
  Tags: string[] | null
  Size: number
  Comment: string
}

/** One entry of `DELETE /images/{name}` */
export interface ImageDeleteEntry {
  Untagged?: string
  Deleted?: string
}

/** `POST /images/prune` */
export interface ImagesPruneResponse {
  ImagesDeleted: ImageDeleteEntry[]
  SpaceReclaimed: number
}

/** One line of a pull, push, load, import or bootstrap. */
export interface JsonMessage {
  status?: string
  id?: string
  stream?: string
  progress?: string
  progressDetail?: { current?: number; total?: number }
  aux?: unknown
  error?: string
  errorDetail?: { code?: number; message: string }
}

/** The decoded `X-Registry-Auth` header (base64url of JSON), and the body of `POST /auth`. */
export interface AuthConfig {
  username?: string
  password?: string
  auth?: string
  email?: string
  serveraddress?: string
  identitytoken?: string
  registrytoken?: string
}

/** Body of `POST /berth/images/bootstrap` (Berth's own): a base image from the distribution's package mirror. */
export interface BootstrapRequest {
  /** `debian:bookworm`, `busybox`. */
  image: string
  /** Name of the result; the same as `image` if left out. */
  tag?: string
  /** Further packages. */
  include?: string[]
  cmd?: string[]
  entrypoint?: string[]
  /** Dockerfile instructions: `ENV A=b`, `WORKDIR /srv`. */
  changes?: string[]
  /** Files and directories of the daemon's host to put in, owned by root. */
  copy?: { hostPath: string; imagePath: string }[]
  /** Shell lines run as root in the new root filesystem, after `copy`. */
  setup?: string[]
}

/** `POST /commit`, and the id of an import. */
export interface IdResponse {
  Id: string
}
