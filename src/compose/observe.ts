import type { EngineClient } from '#client/index.ts'
import { LABEL } from './labels.ts'

export interface ObservedContainer {
  id: string
  name: string
  /**
   * First 12 digits of the id of the container that this one was to replace: its name is still the passing one of a
   * recreation that was cut short. '' for all others.
   */
  replaces: string
  service: string
  number: number
  oneoff: boolean
  /** Docker's state word. */
  state: string
  status: string
  hash: string
  /** The image it was made from. */
  imageId: string
  image: string
  workingDir: string
  files: string
  dependsOn: string[]
  /** Names of the networks it is on. */
  networks: string[]
  /** Anonymous volumes by target. */
  anonymous: Record<string, string>
  created: number
}

export interface Observed {
  containers: ObservedContainer[]
  /** By engine name; `key` is '' for networks that Compose did not make. */
  networks: Record<string, { id: string; key: string; hash: string; project: string }>
  volumes: Record<string, { key: string; hash: string; project: string }>
}

/** What exists of a project now, by its labels, plus the networks and volumes of the given names. */
export async function observe(client: EngineClient, project: string): Promise<Observed> {
  const [containers, networks, volumes] = await Promise.all([
    client.containers.list({ all: true, filters: { label: [`${LABEL.project}=${project}`] } }),
    client.networks.list(),
    client.volumes.list(),
  ])
  return {
    containers: containers.map(one => ({
      id: one.Id,
      name: one.Names[0]?.slice(1) ?? one.Id.slice(0, 12),
      replaces: /^\/([0-9a-f]{12})_/.exec(one.Names[0] ?? '')?.[1] ?? '',
      service: one.Labels[LABEL.service] ?? '',
      number: Number(one.Labels[LABEL.number] ?? 1),
      oneoff: one.Labels[LABEL.oneoff] === 'True',
      state: one.State,
      status: one.Status,
      hash: one.Labels[LABEL.hash] ?? '',
      imageId: one.ImageID,
      image: one.Image,
      workingDir: one.Labels[LABEL.workingDir] ?? '',
      files: one.Labels[LABEL.files] ?? '',
      dependsOn: (one.Labels[LABEL.dependsOn] ?? '')
        .split(',')
        .flatMap(entry => entry.split(':', 1))
        .filter(Boolean),
      networks: Object.keys(one.NetworkSettings.Networks),
      anonymous: Object.fromEntries(
        one.Mounts.filter(mount => mount.Type === 'volume' && /^[0-9a-f]{64}$/.test(mount.Name ?? '')).map(mount => [
          mount.Destination,
          mount.Name!,
        ]),
      ),
      created: one.Created,
    })),
    networks: Object.fromEntries(
      networks.map(one => [
        one.Name,
        {
          id: one.Id,
          key: one.Labels[LABEL.network] ?? '',
          hash: one.Labels[LABEL.hash] ?? '',
          project: one.Labels[LABEL.project] ?? '',
        },
      ]),
    ),
    volumes: Object.fromEntries(
      volumes.Volumes.map(one => [
        one.Name,
        {
          key: one.Labels?.[LABEL.volume] ?? '',
          hash: one.Labels?.[LABEL.hash] ?? '',
          project: one.Labels?.[LABEL.project] ?? '',
        },
      ]),
    ),
  }
}
