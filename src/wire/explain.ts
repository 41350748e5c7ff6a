export type { DoctorReport } from '#model/doctor.ts'
export type { EgressStatus } from '#model/egress.ts'
export type { Explanation } from '#model/explain.ts'

/** `GET /berth/containers/{id}/capture` */
export interface CaptureQuery {
  /** pcap-filter(7). */
  filter?: string
  /** `any` unless given. */
  interface?: string
  /** Bytes of each packet. */
  snaplen?: number
  /** Packets after which it ends. */
  count?: number
  format?: 'pcap' | 'text'
}
