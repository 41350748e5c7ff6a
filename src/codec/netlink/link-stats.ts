/** The counters of struct rtnl_link_stats64 that users see. */
export interface LinkCounters {
  rxBytes: number
  rxPackets: number
  rxErrors: number
  rxDropped: number
  txBytes: number
  txPackets: number
  txErrors: number
  txDropped: number
}

/** @param bytes struct rtnl_link_stats64, of which the first eight fields are read; zeros for an absent one */
export function decodeLinkStats(bytes: Buffer | undefined): LinkCounters {
  const field = (index: number) =>
    bytes && bytes.length >= index * 8 + 8 ? Number(bytes.readBigUInt64LE(index * 8)) : 0
  return {
    rxPackets: field(0),
    txPackets: field(1),
    rxBytes: field(2),
    txBytes: field(3),
    rxErrors: field(4),
    txErrors: field(5),
    rxDropped: field(6),
    txDropped: field(7),
  }
}
