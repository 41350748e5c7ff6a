export { HostContent } from './host-content.ts'
export { makeRoom } from './make-room.ts'
