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

export interface RegistryCall {
  /** Ends the request; the call rejects with the signal's reason. */
  signal?: AbortSignal
}

/** OCI distribution API v2 over HTTP. Token exchange, redirects and retries are inside. */
export interface Registry {
  ping(endpoint: RegistryEndpoint, auth?: RegistryAuth): Promise<void>
  manifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    auth?: RegistryAuth,
    call?: RegistryCall,
  ): Promise<{ mediaType: string; digest: string; body: Buffer }>
  blob(
    endpoint: RegistryEndpoint,
    repository: string,
    digest: string,
    offset: number,
    auth?: RegistryAuth,
    call?: RegistryCall,
  ): Promise<Readable>
  hasBlob(endpoint: RegistryEndpoint, repository: string, digest: string, auth?: RegistryAuth): Promise<boolean>
  pushBlob(
    endpoint: RegistryEndpoint,
    repository: string,
    blob: { digest: string; size: number; open: () => Promise<Readable> },
    auth?: RegistryAuth,
    options?: { mountFrom?: string; onProgress?: (bytes: number) => void; onMounted?: () => void } & RegistryCall,
  ): Promise<void>
  pushManifest(
    endpoint: RegistryEndpoint,
    repository: string,
    reference: string,
    manifest: { mediaType: string; body: Buffer },
    auth?: RegistryAuth,
    call?: RegistryCall,
  ): Promise<string>
  /** All tags of a repository, every page. */
  tags(endpoint: RegistryEndpoint, repository: string, auth?: RegistryAuth, call?: RegistryCall): Promise<string[]>
}
