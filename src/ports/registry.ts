import type { Readable } from 'node:stream'

export interface RegistryAuth {
  username?: string
  password?: string
  identitytoken?: string
  registrytoken?: string
  serveraddress?: string
}

export interface RegistryEndpoint {
  /** `registry-1.docker.io`, `localhost:5000`. */
  host: string
  insecure: boolean
}

/** OCI distribution API v2 over HTTP. Token exchange, redirects and retries are inside. */
export interface Registry {
  ping(endpoint: RegistryEndpoint, auth?: RegistryAuth): Promise<void>
  manifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    auth?: RegistryAuth,
  ): Promise<{ mediaType: string; digest: string; body: Buffer }>
  blob(
    endpoint: RegistryEndpoint,
    repository: string,
    digest: string,
    offset: number,
    auth?: RegistryAuth,
  ): Promise<Readable>
  hasBlob(endpoint: RegistryEndpoint, repository: string, digest: string, auth?: RegistryAuth): Promise<boolean>
  pushBlob(
    endpoint: RegistryEndpoint,
    repository: string,
    blob: { digest: string; size: number; open: () => Promise<Readable> },
    auth?: RegistryAuth,
    options?: { mountFrom?: string; onProgress?: (bytes: number) => void },
  ): Promise<void>
  pushManifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    manifest: { mediaType: string; body: Buffer },
    auth?: RegistryAuth,
  ): Promise<string>
}
