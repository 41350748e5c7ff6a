import type { ContainerView } from '#engine/containers/index.ts'
import type { ContainerRecord } from '#model/container.ts'
import { statusOf } from '#model/container-state.ts'
import type { ContainerInspect, ContainerSummary } from '#wire/index.ts'
import type { HostTraits } from '../needs.ts'
import { endpoints, networkSettings, portSummaries } from './network-settings.ts'
import { stateJson, statusText } from './state.ts'

/** What Docker shows on every platform, though only Windows has it. */
const WINDOWS_RESOURCES = { CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0 }

/** `GET /containers/{id}/json`, newest version. */
export function containerInspect(view: ContainerView, execIds: readonly string[], host: HostTraits): ContainerInspect {
  const { record } = view
  const [path = '', ...args] = commandOf(record)
  const directory = host.containerDirectory(record.id)
  const inspect: ContainerInspect = {
    Id: record.id,
    Created: record.created,
    Path: path,
    Args: args,
    State: stateJson(record.state),
    Image: record.imageId,
    ResolvConfPath: `${directory}/resolv.conf`,
    HostnamePath: `${directory}/hostname`,
    HostsPath: `${directory}/hosts`,
    LogPath: record.logPath,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: 'overlay2',
    Platform: record.platform.os,
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: execIds.length > 0 ? [...execIds] : null,
    HostConfig: { ...record.hostConfig, ...WINDOWS_RESOURCES },
    GraphDriver: { Data: host.graphDriverData?.(record.snapshotKey) ?? {}, Name: 'overlay2' },
    Mounts: record.mounts,
    Config: record.config,
    NetworkSettings: networkSettings(record),
  }
  if (view.sizeRw !== undefined) inspect.SizeRw = view.sizeRw
  if (view.sizeRootFs !== undefined) inspect.SizeRootFs = view.sizeRootFs
  return inspect
}

/**
 * One entry of `GET /containers/json`.
 * @param now milliseconds since the epoch
 * @param imageName what to show for the container's image
 */
export function containerSummary(view: ContainerView, imageName: string, now: number): ContainerSummary {
  const { record } = view
  const summary: ContainerSummary = {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: imageName,
    ImageID: record.imageId,
    Command: commandOf(record)
      .map((word, i) => (i > 0 && word.includes(' ') ? `'${word}'` : word))
      .join(' '),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: portSummaries(record),
    Labels: record.config.Labels,
    State: statusOf(record.state),
    Status: statusText(record.state, now),
    HostConfig: { NetworkMode: record.hostConfig.NetworkMode },
    NetworkSettings: { Networks: endpoints(record) },
    Mounts: record.mounts,
  }
  if (record.hostConfig.Annotations) summary.HostConfig.Annotations = record.hostConfig.Annotations
  if (view.sizeRw !== undefined) summary.SizeRw = view.sizeRw
  if (view.sizeRootFs !== undefined) summary.SizeRootFs = view.sizeRootFs
  return summary
}

function commandOf(record: ContainerRecord): string[] {
  return [...(record.config.Entrypoint ?? []), ...(record.config.Cmd ?? [])]
}
