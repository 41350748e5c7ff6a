import { type Attribute, decodeAttributes, encodeAttributes, u32, u8Of } from './attributes.ts'
import { formatIp, parseIp } from './ip.ts'
import { NLM_F_ACK, NLM_F_DUMP, type NetlinkRequest } from './message.ts'

const NFNL_SUBSYS_CTNETLINK = 1
const IPCTNL_MSG_CT_GET = 1
const IPCTNL_MSG_CT_DELETE = 2
const CTA_TUPLE_ORIG = 1
const CTA_TUPLE_REPLY = 2
const CTA_ID = 12
const CTA_FILTER = 25
const CTA_FILTER_REPLY_FLAGS = 2
/** Bit of those flags. */
const IP_SOURCE = 1
const CTA_TUPLE_IP = 1
const CTA_TUPLE_PROTO = 2
const CTA_IP_V4_SRC = 1
const CTA_IP_V4_DST = 2
const CTA_IP_V6_SRC = 3
const CTA_IP_V6_DST = 4
const CTA_PROTO_NUM = 1
const CTA_PROTO_SRC_PORT = 2
const CTA_PROTO_DST_PORT = 3
const AF_INET = 2
const AF_INET6 = 10

/** One direction of a flow; `protocol` is the IP protocol number. */
export interface FlowTuple {
  source: string
  destination: string
  protocol: number
  sourcePort: number
  destinationPort: number
}

export interface Flow {
  family: 4 | 6
  original: FlowTuple
  reply: FlowTuple
  /** What names the entry to the kernel: its original tuple and id, as received. */
  key: readonly Attribute[]
}

/**
 * @param target only those whose replies come from this address: where they lead to after translation. A kernel before
 *   5.8 gives all of them.
 */
export function dumpFlows(family: 4 | 6, target?: string): NetlinkRequest {
  const type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET
  const filter: Attribute[] = []
  if (target !== undefined) {
    const source: Attribute = [family === 4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, parseIp(target)]
    filter.push([CTA_TUPLE_REPLY, [[CTA_TUPLE_IP, [source]]]], [CTA_FILTER, [[CTA_FILTER_REPLY_FLAGS, u32(IP_SOURCE)]]])
  }
  const payload = Buffer.concat([nfgen(family), encodeAttributes(filter)])
  return { type, flags: NLM_F_DUMP, payload, about: 'list connection tracking entries' }
}

/** ENOENT if it went meanwhile. */
export function deleteFlow(flow: Flow): NetlinkRequest {
  return {
    type: (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
    flags: NLM_F_ACK,
    payload: Buffer.concat([nfgen(flow.family), encodeAttributes(flow.key)]),
    about: 'delete a connection tracking entry',
  }
}

export function decodeFlow(payload: Buffer): Flow {
  const attributes = decodeAttributes(payload.subarray(4))
  const original = attributes.get(CTA_TUPLE_ORIG) ?? Buffer.alloc(0)
  const id = attributes.get(CTA_ID)
  return {
    family: payload[0] === AF_INET ? 4 : 6,
    original: decodeTuple(original),
    reply: decodeTuple(attributes.get(CTA_TUPLE_REPLY) ?? Buffer.alloc(0)),
    key: [[CTA_TUPLE_ORIG | 0x8000, original], ...(id ? [[CTA_ID, id] as const] : [])],
  }
}

function decodeTuple(bytes: Buffer): FlowTuple {
  const tuple = decodeAttributes(bytes)
  const ip = decodeAttributes(tuple.get(CTA_TUPLE_IP) ?? Buffer.alloc(0))
  const proto = decodeAttributes(tuple.get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0))
  const address = (v4: number, v6: number) => formatIp(ip.get(v4) ?? ip.get(v6) ?? Buffer.alloc(4))
  const port = (type: number) => proto.get(type)?.readUInt16BE(0) ?? 0
  return {
    source: address(CTA_IP_V4_SRC, CTA_IP_V6_SRC),
    destination: address(CTA_IP_V4_DST, CTA_IP_V6_DST),
    protocol: u8Of(proto.get(CTA_PROTO_NUM)),
    sourcePort: port(CTA_PROTO_SRC_PORT),
    destinationPort: port(CTA_PROTO_DST_PORT),
  }
}

/** struct nfgenmsg */
function nfgen(family: 4 | 6): Buffer {
  return Buffer.from([family === 4 ? AF_INET : AF_INET6, 0, 0, 0])
}
