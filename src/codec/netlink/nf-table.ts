import { encodeAttributes, text } from './attributes.ts'
import { NLM_F_ACK, type NetlinkRequest } from './message.ts'

const NFNL_SUBSYS_NFTABLES = 10
const NFT_MSG_GETTABLE = 1
const NFTA_TABLE_NAME = 1
const NFPROTO_IPV4 = 2

/** Asks for one nftables table of family `ip`; ENOENT if there is none. */
export function getTable(name: string): NetlinkRequest {
  const header = Buffer.alloc(4) // struct nfgenmsg
  header[0] = NFPROTO_IPV4
  return {
    type: (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE,
    flags: NLM_F_ACK,
    payload: Buffer.concat([header, encodeAttributes([[NFTA_TABLE_NAME, text(name)]])]),
    about: `find table ip ${name}`,
  }
}
