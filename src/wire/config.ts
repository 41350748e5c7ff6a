/** The documents of a container's configuration, shared by requests and responses. */
export type {
  ContainerConfig,
  DeviceMapping,
  EndpointRequest,
  Healthcheck,
  HostConfig,
  MountRequest,
  PortBinding,
  RestartPolicy,
  Ulimit,
} from '#model/config.ts'
