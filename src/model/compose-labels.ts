/** Labels by which a container is told to be a replica of a Compose service, whoever set them. */
export const PROJECT_LABEL = 'com.docker.compose.project'
export const SERVICE_LABEL = 'com.docker.compose.service'
export const ONE_OFF_LABEL = 'com.docker.compose.oneoff'

/** Label or annotation of Berth's own, `vip` or `dnsrr`: how replicas are reached by the service's name. */
export const ENDPOINT_MODE_KEY = 'berth.endpoint_mode'
