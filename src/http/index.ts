export type { Needs, SystemProvider } from './needs.ts'
export { apiRoutes } from './routes/index.ts'
export { ApiServer } from './server.ts'
export { MAX_API, MIN_API } from './api-version.ts'
