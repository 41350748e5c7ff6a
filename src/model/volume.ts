export interface VolumeRecord {
  name: string
  driver: string
  /** RFC 3339. */
  createdAt: string
  labels: Record<string, string>
  options: Record<string, string>
  /** Made for a container without a name: removed by `rm -v`, `--rm` and `down -v`. */
  anonymous: boolean
  /** Directory on the host that containers see. */
  mountpoint: string
}
