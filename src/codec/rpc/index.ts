export { decodeReply, encodeCall } from './call.ts'
export type { RpcCall } from './call.ts'
export * from './nfs.ts'
