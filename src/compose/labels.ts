/** Labels exactly as Docker Compose sets them: other tools look for them. */
export const LABEL = {
  project: 'com.docker.compose.project',
  service: 'com.docker.compose.service',
  number: 'com.docker.compose.container-number',
  oneoff: 'com.docker.compose.oneoff',
  hash: 'com.docker.compose.config-hash',
  files: 'com.docker.compose.project.config_files',
  workingDir: 'com.docker.compose.project.working_dir',
  dependsOn: 'com.docker.compose.depends_on',
  image: 'com.docker.compose.image',
  /** On a container made in place of another: `<service>-<number>` of that one. */
  replace: 'com.docker.compose.replace',
  version: 'com.docker.compose.version',
  network: 'com.docker.compose.network',
  volume: 'com.docker.compose.volume',
  /** Berth's own: how replicas are reached by the service's name. */
  endpointMode: 'berth.endpoint_mode',
} as const

/** The Compose release whose label conventions these are. */
export const COMPOSE_VERSION = '2.36.0'
