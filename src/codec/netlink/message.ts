import { decodeAttributes, textOf } from './attributes.ts'

/** netlink(7): a request as the caller builds it; the transport adds sequence number and port. */
export interface NetlinkRequest {
  type: number
  flags: number
  payload: Uint8Array
  /** What it does, for the error message: `create veth vethab12`. */
  about: string
}

/** One message as the kernel sent it. */
export interface NetlinkMessage {
  type: number
  flags: number
  sequence: number
  payload: Buffer
}

/** NLMSG_ERROR: `errno` 0 is an acknowledgement. */
export interface NetlinkAck {
  errno: number
  /** The kernel's extended-ack text, empty if it gave none. */
  text: string
}

export const NLM_F_REQUEST = 0x1
export const NLM_F_ACK = 0x4
export const NLM_F_ROOT = 0x100
export const NLM_F_MATCH = 0x200
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
const NLM_F_DUMP_INTR = 0x10
const NLM_F_CAPPED = 0x100
const NLM_F_ACK_TLVS = 0x200

export const NLMSG_ERROR = 2
export const NLMSG_DONE = 3

const NLMSGERR_ATTR_MSG = 1
const HEADER = 16

/** Several requests for one send; each gets the next sequence number. */
export function encodeMessages(requests: readonly NetlinkRequest[], firstSequence: number): Buffer {
  const parts = requests.map(({ type, flags, payload }, index) => {
    const length = HEADER + payload.length
    const bytes = Buffer.alloc((length + 3) & ~3)
    bytes.writeUInt32LE(length, 0)
    bytes.writeUInt16LE(type, 4)
    bytes.writeUInt16LE(flags | NLM_F_REQUEST, 6)
    bytes.writeUInt32LE(firstSequence + index, 8)
    bytes.set(payload, HEADER)
    return bytes
  })
  return Buffer.concat(parts)
}

/** The messages of one datagram; payloads are views of it. */
export function decodeMessages(bytes: Buffer): NetlinkMessage[] {
  const messages: NetlinkMessage[] = []
  for (let at = 0; at + HEADER <= bytes.length;) {
    const length = bytes.readUInt32LE(at)
    if (length < HEADER || at + length > bytes.length) break
    messages.push({
      type: bytes.readUInt16LE(at + 4),
      flags: bytes.readUInt16LE(at + 6),
      sequence: bytes.readUInt32LE(at + 8),
      payload: bytes.subarray(at + HEADER, at + length),
    })
    at += (length + 3) & ~3
  }
  return messages
}

/** Reads an NLMSG_ERROR; the request that it quotes is skipped, whole or (NLM_F_CAPPED) only its header. */
export function decodeAck(message: NetlinkMessage): NetlinkAck {
  const { payload, flags } = message
  const errno = payload.length >= 4 ? Math.abs(payload.readInt32LE(0)) : 0
  if (!(flags & NLM_F_ACK_TLVS) || payload.length < 20) return { errno, text: '' }
  const quoted = flags & NLM_F_CAPPED ? HEADER : payload.readUInt32LE(4)
  const attributes = decodeAttributes(payload.subarray(4 + ((quoted + 3) & ~3)))
  return { errno, text: textOf(attributes.get(NLMSGERR_ATTR_MSG)) }
}

/** Whether the kernel changed the table during the dump: what was read may be inconsistent and is to be read again. */
export function isInterrupted(message: NetlinkMessage): boolean {
  return (message.flags & NLM_F_DUMP_INTR) !== 0
}
