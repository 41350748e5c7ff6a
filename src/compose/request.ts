import { EGRESS_KEY } from '#model/egress.ts'
import type { ContainerCreateRequest, NetworkCreateRequest, VolumeCreateRequest } from '#wire/index.ts'
import { networkHash, serviceHash, volumeHash } from './hash.ts'
import { COMPOSE_VERSION, LABEL } from './labels.ts'
import type { Network, Project, Service, ServiceNetwork, Volume } from './project.ts'
import { hostConfig } from './host-config.ts'
import { containerName, imageName, linksOf } from './names.ts'

export interface Inherited {
  /** Anonymous volumes to carry over, by mount target. */
  volumes: Record<string, string>
}

/** The Engine API request that makes one container of a service. Pure. */
export function containerRequest(
  project: Project,
  service: Service,
  number: number,
  options: {
    imageId?: string
    inherited?: Inherited
    containerOf?: (service: string) => string
    oneoff?: boolean
    /** It is made in place of another. */
    replaces?: boolean
  } = {},
): ContainerCreateRequest {
  const networks = Object.entries(service.networks).sort(
    ([a, x], [b, y]) => (y.priority ?? 0) - (x.priority ?? 0) || (a < b ? -1 : 1),
  )
  const name = containerName(project, service, number)
  const healthcheck = service.healthcheck
  return {
    Image: service.image ?? imageName(project, service),
    Hostname: service.hostname ?? '',
    Domainname: service.domainname ?? '',
    User: service.user ?? '',
    Tty: service.tty ?? false,
    OpenStdin: service.stdin_open ?? false,
    Env: Object.entries(service.environment).map(([key, value]) => `${key}=${value ?? ''}`),
    ...(service.command ? { Cmd: service.command } : {}),
    ...(service.entrypoint ? { Entrypoint: service.entrypoint } : {}),
    ...(service.working_dir ? { WorkingDir: service.working_dir } : {}),
    ...(service.stop_signal ? { StopSignal: service.stop_signal } : {}),
    ...(service.stop_grace_period === undefined ? {} : { StopTimeout: service.stop_grace_period }),
    ...(service.mac_address ? { MacAddress: service.mac_address } : {}),
    ...(healthcheck
      ? {
          Healthcheck: healthcheck.disable
            ? { Test: ['NONE'] }
            : {
                Test: healthcheck.test,
                Interval: healthcheck.interval,
                Timeout: healthcheck.timeout,
                Retries: healthcheck.retries,
                StartPeriod: healthcheck.start_period,
                StartInterval: healthcheck.start_interval,
              },
        }
      : {}),
    ExposedPorts: Object.fromEntries([
      ...service.ports.map(port => [`${port.target}/${port.protocol}`, {}]),
      ...service.expose.map(port => [port.includes('/') ? port : `${port}/tcp`, {}]),
    ]) as Record<string, Record<string, never>>,
    Labels: {
      ...service.labels,
      ...(service.deploy?.endpoint_mode ? { [LABEL.endpointMode]: service.deploy.endpoint_mode } : {}),
      [LABEL.project]: project.name,
      [LABEL.service]: service.name,
      [LABEL.number]: String(number),
      [LABEL.oneoff]: options.oneoff ? 'True' : 'False',
      [LABEL.hash]: serviceHash(project, service),
      [LABEL.files]: project.files.join(','),
      [LABEL.workingDir]: project.workingDir,
      [LABEL.version]: COMPOSE_VERSION,
      [LABEL.dependsOn]: Object.entries(service.depends_on)
        .map(([other, { condition, restart }]) => `${other}:${condition}:${restart}`)
        .join(','),
      ...(options.imageId ? { [LABEL.image]: options.imageId } : {}),
      ...(options.replaces ? { [LABEL.replace]: service.container_name ?? `${service.name}-${number}` } : {}),
    },
    HostConfig: hostConfig(project, service, networks[0]?.[0], options),
    NetworkingConfig: {
      EndpointsConfig: Object.fromEntries(
        networks.map(([key, network]) => [project.networks[key]!.name, endpoint(service, network, name, project)]),
      ),
    },
  }
}

function endpoint(service: Service, network: ServiceNetwork, name: string, project: Project) {
  const { ipv4_address, ipv6_address, link_local_ips } = network
  const address = ipv4_address || ipv6_address || link_local_ips.length > 0
  const links = linksOf(project, service)
  const driverOpts = {
    ...network.driver_opts,
    ...(network.interface_name ? { 'com.docker.network.endpoint.ifname': network.interface_name } : {}),
  }
  return {
    Aliases: [...new Set([name, service.name, ...network.aliases])],
    ...(links.length > 0 ? { Links: links } : {}),
    ...(network.mac_address ? { MacAddress: network.mac_address } : {}),
    ...(Object.keys(driverOpts).length > 0 ? { DriverOpts: driverOpts } : {}),
    ...(network.gw_priority === undefined ? {} : { GwPriority: network.gw_priority }),
    ...(address
      ? {
          IPAMConfig: {
            ...(ipv4_address ? { IPv4Address: ipv4_address } : {}),
            ...(ipv6_address ? { IPv6Address: ipv6_address } : {}),
            ...(link_local_ips.length > 0 ? { LinkLocalIPs: link_local_ips } : {}),
          },
        }
      : {}),
  }
}

export function networkRequest(project: Project, key: string, network: Network): NetworkCreateRequest {
  return {
    Name: network.name,
    Driver: network.driver ?? 'bridge',
    Options: {
      ...network.driver_opts,
      ...(network['x-berth-egress'] === undefined ? {} : { [EGRESS_KEY]: network['x-berth-egress'] }),
    },
    Internal: network.internal ?? false,
    Attachable: network.attachable ?? false,
    ...(network.enable_ipv4 === undefined ? {} : { EnableIPv4: network.enable_ipv4 }),
    ...(network.enable_ipv6 === undefined ? {} : { EnableIPv6: network.enable_ipv6 }),
    ...(network.ipam
      ? {
          IPAM: {
            Driver: network.ipam.driver ?? 'default',
            Options: network.ipam.options,
            Config: network.ipam.config.map(pool => ({
              Subnet: pool.subnet,
              IPRange: pool.ip_range,
              Gateway: pool.gateway,
              AuxiliaryAddresses: pool.aux_addresses,
            })),
          },
        }
      : {}),
    Labels: {
      ...network.labels,
      [LABEL.project]: project.name,
      [LABEL.network]: key,
      [LABEL.hash]: networkHash(network),
      [LABEL.version]: COMPOSE_VERSION,
    },
  }
}

export function volumeRequest(project: Project, key: string, volume: Volume): VolumeCreateRequest {
  return {
    Name: volume.name,
    ...(volume.driver ? { Driver: volume.driver } : {}),
    DriverOpts: volume.driver_opts,
    Labels: {
      ...volume.labels,
      [LABEL.project]: project.name,
      [LABEL.volume]: key,
      [LABEL.hash]: volumeHash(volume),
      [LABEL.version]: COMPOSE_VERSION,
    },
  }
}
