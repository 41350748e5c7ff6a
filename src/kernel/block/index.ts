export { HostBlock } from './host-block.ts'
