import { BackupsClient } from './backups.ts'
import { ContainersClient } from './containers.ts'
import { ExecClient } from './exec.ts'
import { DEFAULT_SOCKET, parseHost, type Endpoint } from './host.ts'
import { ImagesClient } from './images.ts'
import { NetworksClient } from './networks.ts'
import { EventsClient, SystemClient } from './system.ts'
import { Transport, type TransportOptions } from './transport.ts'
import { VolumesClient } from './volumes.ts'

export type { BackupStream } from './backups.ts'
export type { AttachOptions, LogOptions, WaitCondition } from './containers.ts'
export { writeFrames, type Frame, type OutputName } from './frames.ts'
export { Hijacked } from './hijacked.ts'
export { DEFAULT_SOCKET, describeEndpoint, parseHost, type Endpoint, type TlsFiles, type TlsMaterial } from './host.ts'
export { finish } from './progress.ts'
export type { FilterMap } from './query.ts'
export { registryOf, splitReference } from './reference.ts'
export type { EventOptions, PrunePreviewRequest } from './system.ts'
export { CLIENT_API_VERSION, compareVersions, Transport, type TransportOptions } from './transport.ts'

/**
 * Typed client of the Engine API, for Berth and for any Docker daemon. Refusals are BerthErrors with the daemon's own
 * message; `kind` says what it was.
 */
export class EngineClient {
  readonly transport: Transport
  readonly containers: ContainersClient
  readonly exec: ExecClient
  readonly images: ImagesClient
  readonly networks: NetworksClient
  readonly volumes: VolumesClient
  readonly backups: BackupsClient
  readonly system: SystemClient
  readonly events: EventsClient

  /** @param host as in `-H`, or an endpoint; the default is Berth's own socket */
  constructor(host: string | Endpoint = `unix://${DEFAULT_SOCKET}`, options: TransportOptions = {}) {
    this.transport = new Transport(typeof host === 'string' ? parseHost(host) : host, options)
    this.containers = new ContainersClient(this.transport)
    this.exec = new ExecClient(this.transport)
    this.images = new ImagesClient(this.transport)
    this.networks = new NetworksClient(this.transport)
    this.volumes = new VolumesClient(this.transport)
    this.backups = new BackupsClient(this.transport)
    this.system = new SystemClient(this.transport)
    this.events = new EventsClient(this.transport)
  }

  /** Drops idle connections, so that the process can end at once. */
  close(): void {
    this.transport.close()
  }
}
