import { invalid } from '#lib/errors.ts'
import type { EndpointRequest } from '#model/config.ts'
import type { IpamPool } from '#model/network.ts'
import { z } from 'zod'
import { isCIDR, isIP } from './addresses.ts'
import { endpointSchema } from './container-schema.ts'
import { endpointRequest } from './endpoints.ts'
import { flag, parse, plainMap, stringMap, text } from './schema.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

const pool = z.object({
  Subnet: text,
  IPRange: text,
  Gateway: text,
  AuxiliaryAddresses: stringMap,
  /** As Docker's own clients write it. */
  AuxAddress: stringMap,
})
const createSchema = z.object({
  Name: text,
  Driver: text,
  Scope: text,
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: z.object({ Network: text }).nullish(),
  IPAM: z.object({ Driver: text, Options: stringMap, Config: z.array(pool).nullish() }).nullish(),
  EnableIPv4: flag,
  EnableIPv6: flag,
  Options: stringMap,
  Labels: stringMap,
})
const connectSchema = z.object({ Container: text, EndpointConfig: endpointSchema.nullish() })
const updateSchema = z.object({ Labels: stringMap, LabelsRemove: z.array(z.string()).nullish(), Options: stringMap })
const disconnectSchema = z.object({ Container: text, Force: flag })

/** Body of `POST /networks/create`, complete. @throws invalid naming the field */
export function networkCreateRequest(body: unknown) {
  if (body === undefined) throw invalid('invalid JSON: got EOF while reading request body')
  const parsed = parse(createSchema, body)
  const name = parsed.Name ?? ''
  if (name.trim() === '') throw invalid('network name cannot be empty')
  if (!NAME.test(name))
    throw invalid(`invalid network name ${JSON.stringify(name)}: only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`)
  if (parsed.ConfigOnly || parsed.ConfigFrom?.Network)
    throw invalid(`network ${name}: config-only networks need a cluster`)
  if (parsed.Scope && !['local', 'swarm', 'global'].includes(parsed.Scope))
    throw invalid(`invalid network scope: ${parsed.Scope}`)
  const enableIPv4 = parsed.EnableIPv4 ?? true
  const enableIPv6 = parsed.EnableIPv6 ?? false
  if (!enableIPv4 && !enableIPv6) throw invalid('IPv4 or IPv6 must be enabled')
  return {
    name,
    driver: parsed.Driver || 'bridge',
    enableIPv4,
    enableIPv6,
    internal: parsed.Internal ?? false,
    attachable: parsed.Attachable ?? false,
    ingress: parsed.Ingress ?? false,
    ipam: {
      Driver: parsed.IPAM?.Driver || 'default',
      Options: plainMap(parsed.IPAM?.Options),
      Config: (parsed.IPAM?.Config ?? []).map(ipamPool),
    },
    options: plainMap(parsed.Options),
    labels: plainMap(parsed.Labels),
  }
}

function ipamPool(body: z.infer<typeof pool>): IpamPool {
  const { Subnet = '', IPRange, Gateway } = body
  if (!Subnet) {
    if (IPRange || Gateway) throw invalid('invalid network config: an IP range or a gateway needs a subnet')
    return { Subnet: '' }
  }
  if (!isCIDR(Subnet)) throw invalid(`invalid subnet ${Subnet}: invalid CIDR block notation`)
  if (IPRange && !isCIDR(IPRange)) throw invalid(`invalid ip-range ${IPRange}: invalid CIDR block notation`)
  if (Gateway && !isIP(Gateway)) throw invalid(`invalid gateway ${Gateway}: invalid address`)
  const result: IpamPool = { Subnet }
  if (IPRange) result.IPRange = IPRange
  if (Gateway) result.Gateway = Gateway
  const auxiliary = plainMap(body.AuxiliaryAddresses ?? body.AuxAddress)
  for (const [name, address] of Object.entries(auxiliary)) {
    if (!isIP(address)) throw invalid(`invalid auxiliary address ${name}: ${address}`)
  }
  if (Object.keys(auxiliary).length > 0) result.AuxiliaryAddresses = auxiliary
  return result
}

/** Body of `POST /networks/{id}/connect`. @throws invalid */
export function connectRequest(network: string, body: unknown): { container: string; endpoint: EndpointRequest } {
  const parsed = parse(connectSchema, body ?? {})
  return { container: required(parsed.Container), endpoint: endpointRequest(network, parsed.EndpointConfig) }
}

/** Body of `POST /berth/networks/{id}/update`. @throws invalid */
export function networkUpdateRequest(body: unknown) {
  const parsed = parse(updateSchema, body ?? {})
  const change = {
    labels: plainMap(parsed.Labels),
    removeLabels: parsed.LabelsRemove ?? [],
    options: plainMap(parsed.Options),
  }
  if (Object.keys(change.labels).length + change.removeLabels.length + Object.keys(change.options).length === 0) {
    throw invalid('nothing to change: give Labels, LabelsRemove or Options')
  }
  return change
}

/** Body of `POST /networks/{id}/disconnect`. @throws invalid */
export function disconnectRequest(body: unknown): { container: string; force: boolean } {
  const parsed = parse(disconnectSchema, body ?? {})
  return { container: required(parsed.Container), force: parsed.Force ?? false }
}

function required(container: string | null | undefined): string {
  if (!container) throw invalid('no container given: set Container to its id or name')
  return container
}
