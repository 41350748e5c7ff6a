import type { ContainersService } from '#engine/containers/index.ts'
import type { ImagesService } from '#engine/images/index.ts'
import type { NetworksService } from '#engine/networks/index.ts'
import type { VolumesService } from '#engine/volumes/index.ts'
import type { Clock } from '#lib/clock.ts'
import type { Files } from '#ports/files.ts'
import type { Logs } from '#ports/logs.ts'
import type { Store } from '#ports/store.ts'
import type { Accounts } from './accounts.ts'

/** What the composition root hands over, and what the verbs share. */
export interface Context {
  accounts: Accounts
  containers: ContainersService
  images: ImagesService
  networks: NetworksService
  volumes: VolumesService
  files: Files
  logs: Logs
  store: Store
  clock: Clock
  dataRoot: string
}
