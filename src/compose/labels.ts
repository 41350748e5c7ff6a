import { ENDPOINT_MODE_KEY, ONE_OFF_LABEL, PROJECT_LABEL, SERVICE_LABEL } from '#model/compose-labels.ts'

/** Labels exactly as Docker Compose sets them: other tools look for them. */
export const LABEL = {
  project: PROJECT_LABEL,
  service: SERVICE_LABEL,
  number: 'com.docker.compose.container-number',
  oneoff: ONE_OFF_LABEL,
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
  endpointMode: ENDPOINT_MODE_KEY,
} as const

/** The Compose release whose label conventions these are. */
export const COMPOSE_VERSION = '2.36.0'
