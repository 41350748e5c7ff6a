import { decodeAttributes, u8Of } from './attributes.ts'
import { formatIp } from './ip.ts'
import { NLM_F_DUMP, type NetlinkRequest } from './message.ts'

const SOCK_DIAG_BY_FAMILY = 20
const AF_INET = 2
const AF_INET6 = 10
/** struct inet_diag_req_v2 */
const REQUEST_BYTES = 56
const MESSAGE_BYTES = 72
const INET_DIAG_SKV6ONLY = 11

/** Numbers of include/net/tcp_states.h. An unconnected UDP socket is `close`. */
export const SOCKET_STATE = {
  established: 1,
  synRecv: 3,
  finWait1: 4,
  close: 7,
  closeWait: 8,
  lastAck: 9,
  listen: 10,
  closing: 11,
  newSynRecv: 12,
} as const

export interface DiagSocket {
  state: number
  localAddress: string
  localPort: number
  remoteAddress: string
  remotePort: number
  /** Of a listener: connections that wait to be accepted, and how many may. */
  receiveQueue: number
  sendQueue: number
  v6only: boolean
}

/** sock_diag(7): the sockets of one family and protocol in one of `states`; the kernel leaves the others out. */
export function dumpSockets(family: 4 | 6, protocol: number, states: readonly number[]): NetlinkRequest {
  const payload = Buffer.alloc(REQUEST_BYTES)
  payload[0] = family === 4 ? AF_INET : AF_INET6
  payload[1] = protocol
  // Extensions by bit: whether an IPv6 socket takes IPv6 only.
  payload[2] = 1 << (INET_DIAG_SKV6ONLY - 1)
  payload.writeUInt32LE(
    states.reduce((mask, state) => mask | (1 << state), 0),
    4,
  )
  return { type: SOCK_DIAG_BY_FAMILY, flags: NLM_F_DUMP, payload, about: 'list sockets' }
}

/** struct inet_diag_msg */
export function decodeSocket(payload: Buffer): DiagSocket {
  const size = payload[0] === AF_INET ? 4 : 16
  return {
    state: payload[1]!,
    localPort: payload.readUInt16BE(4),
    remotePort: payload.readUInt16BE(6),
    localAddress: formatIp(payload.subarray(8, 8 + size)),
    remoteAddress: formatIp(payload.subarray(24, 24 + size)),
    receiveQueue: payload.readUInt32LE(56),
    sendQueue: payload.readUInt32LE(60),
    v6only: u8Of(decodeAttributes(payload.subarray(MESSAGE_BYTES)).get(INET_DIAG_SKV6ONLY)) === 1,
  }
}
