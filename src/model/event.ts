/** One entry of `GET /events`. */
export interface EngineEvent {
  Type: 'container' | 'image' | 'volume' | 'network' | 'daemon' | 'builder' | 'plugin'
  /** `create`, `start`, `die`, `exec_create: CMD`, `health_status: healthy`, … */
  Action: string
  Actor: { ID: string; Attributes: Record<string, string> }
  scope: 'local'
  /** Seconds since the epoch. */
  time: number
  /** Nanoseconds since the epoch. */
  timeNano: bigint
}
