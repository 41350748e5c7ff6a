/** The documents of a container's configuration, shared by requests and responses. */
export type {
  ContainerConfig,
  DeviceMapping,
  EndpointRequest,
  Healthcheck,
  HostConfig,
  MountRequest,
  PortBinding,
  Resources,
  RestartPolicy,
  Ulimit,
} from '#model/config.ts'

/** Every error body. */
export interface ErrorResponse {
  message: string
}

/** `filters` as a client writes it: key to accepted values; sent as JSON. */
export type FilterQuery = Record<string, string[]>
