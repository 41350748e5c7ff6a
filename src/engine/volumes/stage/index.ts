export { checkUnreserved } from './checks.ts'
export { STAGING } from './directory.ts'
export { recoverChanges, removeStaging, settle } from './recover.ts'
export { stageVolume } from './stage.ts'
