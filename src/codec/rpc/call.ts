import { invalid } from '#lib/errors.ts'
import { XdrReader, XdrWriter } from './xdr.ts'

/** Calls of ONC RPC version 2 over TCP (RFC 5531). */
const RPC_VERSION = 2
const [CALL, REPLY, ACCEPTED, AUTH_SYS] = [0, 1, 0, 1]
/** Of a record: the last fragment. */
const LAST = 0x8000_0000

export interface RpcCall {
  id: number
  program: number
  version: number
  procedure: number
  arguments?: Buffer
}

/** With its record mark, from root on a host that has no name. */
export function encodeCall(call: RpcCall): Buffer {
  const credentials = new XdrWriter().uint(0).string('berth').uint(0, 0, 0).bytes()
  const body = new XdrWriter()
    .uint(call.id, CALL, RPC_VERSION, call.program, call.version, call.procedure)
    .uint(AUTH_SYS)
    .opaque(credentials)
    .uint(0, 0)
    .bytes()
  const whole = Buffer.concat([body, call.arguments ?? Buffer.alloc(0)])
  return Buffer.concat([new XdrWriter().uint(LAST | whole.length).bytes(), whole])
}

export type RpcReply =
  | { kind: 'done'; results: XdrReader }
  /** The server has the program in other versions only. */
  | { kind: 'version'; low: number; high: number }
  | { kind: 'refused'; reason: string }

const REFUSALS = ['', 'program unavailable', '', 'procedure unavailable', 'garbage arguments', 'system error']

/** @param frame without its record mark. @throws invalid for what is no reply to `id` */
export function decodeReply(frame: Buffer, id: number): RpcReply {
  const reader = new XdrReader(frame)
  if (reader.uint() !== id || reader.uint() !== REPLY) throw invalid('the server speaks no ONC RPC')
  if (reader.uint() !== ACCEPTED) return { kind: 'refused', reason: 'the credentials of root are refused' }
  reader.uint()
  reader.opaque()
  const state = reader.uint()
  if (state === 0) return { kind: 'done', results: reader }
  if (state === 2) return { kind: 'version', low: reader.uint(), high: reader.uint() }
  return { kind: 'refused', reason: REFUSALS[state] ?? `refused with ${state}` }
}
