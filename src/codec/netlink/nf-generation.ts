import { decodeAttributes } from './attributes.ts'
import { NLM_F_ACK, type NetlinkRequest } from './message.ts'

const NFNL_SUBSYS_NFTABLES = 10
const NFT_MSG_GETGEN = 16
const NFTA_GEN_ID = 1
const NFGENMSG_BYTES = 4

/** Asks for the generation of the nftables ruleset: each change of it by anybody makes it one more. */
export function getGeneration(): NetlinkRequest {
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
    flags: NLM_F_ACK,
    payload: Buffer.alloc(NFGENMSG_BYTES),
    about: 'read the nftables generation',
  }
}

export function decodeGeneration(payload: Buffer): number {
  const id = decodeAttributes(payload.subarray(NFGENMSG_BYTES)).get(NFTA_GEN_ID)
  return id && id.length >= 4 ? id.readUInt32BE(0) : 0
}
