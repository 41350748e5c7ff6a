export { HostContent } from './host-content.ts'
