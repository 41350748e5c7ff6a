import type { VolumeRecord } from '#model/volume.ts'
import type { VolumeJson } from '#wire/index.ts'

/** What Docker's clients tell an anonymous volume by. */
const ANONYMOUS_LABEL = 'com.docker.volume.anonymous'

/** `GET /volumes/{name}` */
export function volumeJson(
  volume: VolumeRecord,
  more: { scope?: 'local' | 'global'; status?: Record<string, unknown>; size?: number; users?: string[] } = {},
): VolumeJson {
  return {
    CreatedAt: volume.createdAt,
    Driver: volume.driver,
    Labels: volume.anonymous ? { [ANONYMOUS_LABEL]: '', ...volume.labels } : volume.labels,
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: volume.options,
    Scope: more.scope ?? 'local',
    ...(more.status && { Status: more.status }),
    ...(more.users && { Users: more.users, UsageData: { Size: more.size ?? -1, RefCount: more.users.length } }),
  }
}
