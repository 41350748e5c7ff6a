import type { Readable } from 'node:stream'

export interface CaptureRequest {
  /** Network namespace path; absent: the daemon's own. */
  sandbox?: string
  /** pcap-filter(7); '' takes everything. */
  filter: string
  /** `any` is all of them. */
  interface: string
  /** Bytes of each packet; 0: all. */
  snaplen: number
  /** Packets after which it ends; 0: never. */
  count: number
  /** `text` is one decoded line a packet (or more). */
  format: 'pcap' | 'text'
  /** Ends it, with everything handed on that was recorded. */
  signal: AbortSignal
}

/** Records packets of a network namespace. */
export interface PacketCapture {
  /**
   * Resolves when packets are being recorded. Destroying the stream ends it.
   *
   * @throws invalid with the tool's words for a bad filter or interface, not-found when the tool is not installed
   */
  start(request: CaptureRequest): Promise<Readable>
}
