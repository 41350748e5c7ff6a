import { builderGroup } from './builder/index.ts'
import { containerGroup } from './containers/index.ts'
import { composeGroup } from './compose/index.ts'
import { entry, type CommandEntry, type Group } from './core/command.ts'
import { findCommand, type Root } from './core/dispatch.ts'
import { imageGroup } from './images/index.ts'
import { networkGroup } from './networks/index.ts'
import { contextGroup, systemGroup } from './system/index.ts'
import { volumeGroup } from './volumes/index.ts'

/** A group's command at the top level, under its own or another name. */
function lifted(group: Group, ...names: string[]): CommandEntry[] {
  return names.map(pair => {
    const [name, as = name] = pair.split('=') as [string, string?]
    const { summary, load } = findCommand(group.commands, name)!
    return { name: as, summary, load }
  })
}

const onContainers = 'run exec create start stop kill restart pause unpause wait rename update rm logs attach top stats'
const onImages = 'pull push tag history load save import'

export const root: Root = {
  common: ['run', 'exec', 'ps', 'pull', 'push', 'images', 'login', 'logout', 'version', 'info'],
  commands: [
    ...lifted(containerGroup, ...onContainers.split(' '), 'diff', 'export', 'commit', 'cp', 'port', 'ls=ps'),
    ...lifted(imageGroup, ...onImages.split(' '), 'ls=images', 'rm=rmi'),
    ...lifted(systemGroup, 'info', 'events'),
    entry('version', 'Show the Berth version information', () => import('./system/version.ts')),
    entry('inspect', 'Return low-level information on Docker objects', () => import('./system/inspect.ts')),
    entry('login', 'Authenticate to a registry', () => import('./system/login.ts')),
    entry('logout', 'Log out from a registry', () => import('./system/logout.ts')),
    entry('daemon', 'Run the daemon in the foreground', () => import('./system/daemon.ts')),
    entry('setup', 'Install the host packages that Berth stands on', () => import('./system/setup.ts')),
    entry('completion', 'Generate a shell completion script', () => import('./system/completion.ts')),
    entry('__complete', 'Answer a completion script', () => import('./system/complete.ts'), { hidden: true }),
  ],
  groups: [
    builderGroup,
    composeGroup,
    containerGroup,
    contextGroup,
    imageGroup,
    networkGroup,
    systemGroup,
    volumeGroup,
  ],
}
