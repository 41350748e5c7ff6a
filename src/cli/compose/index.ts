import { entry, type Group } from '../core/command.ts'

/** Flags here stand between the group's and the command's name (`compose -f x up`), see `Input.group`. */
export const composeGroup: Group = {
  name: 'compose',
  summary: 'Define and run multi-container applications',
  flags: {
    file: { type: 'list', short: 'f', help: 'Compose configuration files', complete: 'file' },
    'project-name': { type: 'string', short: 'p', help: 'Project name' },
    'project-directory': {
      type: 'string',
      help: 'Specify an alternate working directory (default: the path of the first specified Compose file)',
      complete: 'file',
    },
    'env-file': { type: 'list', help: 'Specify an alternate environment file', complete: 'file' },
    profile: { type: 'list', help: 'Specify a profile to enable' },
    'dry-run': { type: 'bool', help: 'Print what would be done and why, and do nothing' },
    progress: { type: 'string', default: 'auto', help: 'Set type of progress output (auto, tty, plain, quiet)' },
    ansi: {
      type: 'string',
      default: 'auto',
      help: 'Control when to print ANSI control characters ("never"|"always"|"auto")',
    },
  },
  commands: [
    entry('config', 'Parse, resolve and render compose file in canonical format', () => import('./config.ts')),
    entry('create', 'Create containers for a service', () => import('./create.ts')),
    entry('down', 'Stop and remove containers, networks', () => import('./down.ts')),
    entry('exec', 'Execute a command in a running container', () => import('./exec.ts')),
    entry('explain', 'Say from the file alone whether one service can reach another', () => import('./explain.ts')),
    entry('images', 'List images used by the created containers', () => import('./images.ts')),
    entry('kill', 'Force stop service containers', () => import('./kill.ts')),
    entry('logs', 'View output from containers', () => import('./logs.ts')),
    entry('ls', 'List running compose projects', () => import('./ls.ts')),
    entry('pause', 'Pause services', () => import('./pause.ts')),
    entry('port', 'Print the public port for a port binding', () => import('./port.ts')),
    entry('ps', 'List containers', () => import('./ps.ts')),
    entry('pull', 'Pull service images', () => import('./pull.ts')),
    entry('restart', 'Restart service containers', () => import('./restart.ts')),
    entry('rm', 'Removes stopped service containers', () => import('./rm.ts')),
    entry('start', 'Start services', () => import('./start.ts')),
    entry('stop', 'Stop services', () => import('./stop.ts')),
    entry('unpause', 'Unpause services', () => import('./unpause.ts')),
    entry('up', 'Create and start containers', () => import('./up.ts')),
    entry('version', 'Show the Compose version information', () => import('./version.ts')),
  ],
}
