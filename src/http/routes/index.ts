import { warmUp } from '#wire/container-create.ts'
import type { Needs } from '../needs.ts'
import type { Route } from '../router.ts'
import { attachRoutes } from './attach.ts'
import { backupRoutes } from './backups.ts'
import { containerFileRoutes } from './container-files.ts'
import { containerLifeRoutes } from './container-life.ts'
import { containerLogRoutes } from './container-logs.ts'
import { containerReadRoutes } from './container-read.ts'
import { containerStatsRoutes } from './container-stats.ts'
import { diagnosisRoutes } from './diagnosis.ts'
import { explainRoutes } from './explain.ts'
import { execRoutes } from './exec.ts'
import { scheduleRoutes } from './schedules.ts'
import { imageTransferRoutes } from './image-transfer.ts'
import { imageRoutes } from './images.ts'
import { networkRoutes } from './networks.ts'
import { syncRoutes } from './sync.ts'
import { systemRoutes } from './system.ts'
import { unsupportedRoutes } from './unsupported.ts'
import { volumeLifeRoutes } from './volume-life.ts'
import { volumeRoutes } from './volumes.ts'

/** Every endpoint. Where two match, the earlier one wins. The validators are compiled soon after. */
export function apiRoutes(needs: Needs): Route[] {
  setImmediate(warmUp)
  return [
    ...containerLifeRoutes(needs),
    ...containerReadRoutes(needs),
    ...containerLogRoutes(needs),
    ...containerStatsRoutes(needs),
    ...containerFileRoutes(needs),
    ...attachRoutes(needs),
    ...execRoutes(needs),
    ...imageTransferRoutes(needs),
    ...imageRoutes(needs),
    ...networkRoutes(needs),
    ...explainRoutes(needs),
    ...diagnosisRoutes(needs),
    ...volumeRoutes(needs),
    ...volumeLifeRoutes(needs),
    ...backupRoutes(needs),
    ...scheduleRoutes(needs),
    ...syncRoutes(needs),
    ...systemRoutes(needs),
    ...unsupportedRoutes(),
  ]
}
