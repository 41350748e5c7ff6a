import type { ContainerInspect, ContainerSummary, EndpointSettings } from './containers.ts'
import type { ImageInspect, ImageSummaryJson } from './images.ts'

/**
 * What older API versions show otherwise. Documents are rendered in the newest version and adapted here, each change
 * under the version that made it (API version history). `version` is the minor number. Adapters change what they get.
 */
export function adaptContainerInspect(version: number, json: ContainerInspect): object {
  if (version >= 45) return json
  adaptAliases(version, json.Id, json.NetworkSettings.Networks)
  if (version >= 44) return json
  // 1.44 moved the address of a container to its endpoints.
  return { ...json, Config: { ...json.Config, MacAddress: json.NetworkSettings.MacAddress } }
}

export function adaptContainerSummary(version: number, json: ContainerSummary): ContainerSummary {
  adaptAliases(version, json.Id, json.NetworkSettings.Networks)
  return json
}

/** To 1.44, aliases on a user-defined network had the short id among them; DNSNames shows it since. */
function adaptAliases(version: number, id: string, networks: Record<string, EndpointSettings>): void {
  if (version >= 45) return
  for (const [name, endpoint] of Object.entries(networks)) {
    if (name === 'bridge' || name === 'host' || name === 'none') continue
    const aliases = endpoint.Aliases ?? []
    endpoint.Aliases = aliases.includes(id.slice(0, 12)) ? aliases : [...aliases, id.slice(0, 12)]
  }
}

export function adaptImageSummary(version: number, json: ImageSummaryJson): ImageSummaryJson {
  if (version < 44) json.VirtualSize = json.Size
  if (version < 43 && json.RepoTags.length === 0 && json.RepoDigests.length === 0) {
    json.RepoTags = ['<none>:<none>']
    json.RepoDigests = ['<none>@<none>']
  }
  return json
}

const IMAGE_CONFIG_ZEROES = {
  Hostname: '',
  Domainname: '',
  User: '',
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: null,
  Cmd: null,
  Image: '',
  Volumes: null,
  WorkingDir: '',
  Entrypoint: null,
  OnBuild: null,
  Labels: null,
}

export function adaptImageInspect(version: number, json: ImageInspect): object {
  if (version >= 50) return json
  // 1.50 left out what an image's configuration cannot have.
  const adapted: Record<string, unknown> = { ...json, Config: { ...IMAGE_CONFIG_ZEROES, ...json.Config } }
  if (version < 45) Object.assign(adapted, { Container: '', ContainerConfig: { ...IMAGE_CONFIG_ZEROES } })
  if (version < 44) adapted['VirtualSize'] = json.Size
  return adapted
}
