export { applyPrune } from './apply.ts'
export { planPrune } from './plan.ts'
export { pruneVolumes } from './docker.ts'
