export interface IpamConfigJson {
  Subnet?: string
  IPRange?: string
  Gateway?: string
  AuxiliaryAddresses?: Record<string, string>
}

export interface IpamJson {
  Driver: string
  Options: Record<string, string>
  Config: IpamConfigJson[]
}

export interface NetworkContainerJson {
  Name: string
  EndpointID: string
  MacAddress: string
  /** CIDR, '' without one. */
  IPv4Address: string
  IPv6Address: string
}

export interface NetworkServiceJson {
  VIP: string
  /** `Target: 80, Publish: 8080`, as Swarm writes it. */
  Ports: string[]
  LocalLBIndex: number
  Tasks: { Name: string; EndpointID: string; EndpointIP: string; Info: Record<string, string> }[]
}

/** `GET /networks/{id}` and the entries of `GET /networks` (where Containers is `{}`). */
export interface NetworkInspect {
  Name: string
  Id: string
  Created: string
  Scope: string
  Driver: string
  EnableIPv4: boolean
  EnableIPv6: boolean
  IPAM: IpamJson
  Internal: boolean
  Attachable: boolean
  Ingress: boolean
  ConfigFrom: { Network: string }
  ConfigOnly: boolean
  Containers: Record<string, NetworkContainerJson>
  Options: Record<string, string>
  Labels: Record<string, string>
  /** With `verbose`: services that have replicas there, by `PROJECT_SERVICE`. */
  Services?: Record<string, NetworkServiceJson>
}

/** Body of `POST /networks/create` */
export interface NetworkCreateRequest {
  Name: string
  CheckDuplicate?: boolean
  Driver?: string
  Scope?: string
  Internal?: boolean
  Attachable?: boolean
  Ingress?: boolean
  ConfigOnly?: boolean
  ConfigFrom?: { Network: string } | null
  IPAM?: { Driver?: string; Options?: Record<string, string> | null; Config?: IpamConfigJson[] | null } | null
  EnableIPv4?: boolean | null
  EnableIPv6?: boolean | null
  Options?: Record<string, string> | null
  Labels?: Record<string, string> | null
}

export interface NetworkCreateResponse {
  Id: string
  Warning: string
}

/** `POST /networks/prune` */
export interface NetworksPruneResponse {
  NetworksDeleted: string[]
}

/** Body of `POST /berth/networks/{id}/update`, Berth's own */
export interface NetworkUpdateRequest {
  Labels?: Record<string, string>
  LabelsRemove?: string[]
  /** '' gives an option back to its default. */
  Options?: Record<string, string>
}
