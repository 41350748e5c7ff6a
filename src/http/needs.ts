import type { BackupsService, SyncService } from '#engine/backups/index.ts'
import type { ContainersService, EventsService } from '#engine/containers/index.ts'
import type { CaptureService, DoctorService, ExplainService } from '#engine/explain/index.ts'
import type { ImagesService } from '#engine/images/index.ts'
import type { NetworksService } from '#engine/networks/index.ts'
import type { SpaceService } from '#engine/space/index.ts'
import type { VolumesService } from '#engine/volumes/index.ts'
import type { Clock } from '#lib/clock.ts'
import type { Logger } from '#lib/log.ts'
import type { AuthConfig, AuthResponse, SystemInfo, SystemVersion } from '#wire/index.ts'

/** What the API shows of the daemon as a whole; the composition root implements it. */
export interface SystemProvider {
  /** `GET /info` */
  info(): Promise<SystemInfo>
  /** `GET /version` */
  version(): SystemVersion
  /** `POST /auth`. @throws unauthenticated when the registry refuses the credentials */
  checkAuth(auth: AuthConfig): Promise<AuthResponse>
}

/** Facts of the host and the installation that defaults and rendering depend on; fixed for the daemon's life. */
export interface HostTraits {
  /** Of the resource controllers: `1` also on hybrid hosts. */
  cgroupVersion: '1' | '2'
  /** Shown as `HostConfig.Runtime`: `crun`, `runc`. */
  defaultRuntime: string
  /** Where a container's own files (hostname, hosts, resolv.conf) are. */
  containerDirectory(id: string): string
  /** What `GraphDriver.Data` shows for a container's snapshot or an image's top layer; undefined when unknown. */
  graphDriverData?(snapshotKey: string): Record<string, string> | undefined
}

/** Everything the API needs of the rest of the daemon. */
export interface Needs {
  containers: ContainersService
  images: ImagesService
  networks: NetworksService
  volumes: VolumesService
  backups: BackupsService
  sync: SyncService
  space: SpaceService
  explain: ExplainService
  doctor: DoctorService
  capture: CaptureService
  events: EventsService
  system: SystemProvider
  host: HostTraits
  clock: Clock
  log: Logger
}
