export interface IpamPool {
  /** CIDR. */
  Subnet: string
  IPRange?: string
  Gateway?: string
  AuxiliaryAddresses?: Record<string, string>
}

export interface NetworkRecord {
  /** 64 hex digits. */
  id: string
  name: string
  /** RFC 3339 with nanoseconds. */
  created: string
  driver: string
  scope: 'local' | 'swarm' | 'global'
  enableIPv4: boolean
  enableIPv6: boolean
  internal: boolean
  attachable: boolean
  ingress: boolean
  ipam: { Driver: string; Options: Record<string, string>; Config: IpamPool[] }
  options: Record<string, string>
  labels: Record<string, string>
  /** `bridge`, `host` and `none` cannot be removed. */
  builtin: boolean
  /** Host interface of a bridge network: `berth0` or `br-<id12>`; '' for other drivers. */
  bridgeName: string
}

/** An address held by an endpoint, kept until released so that no one else gets it. */
export interface AddressLease {
  networkId: string
  address: string
  containerId: string
  /** Asked for by the user: kept while its owner is stopped. */
  static: boolean
}
