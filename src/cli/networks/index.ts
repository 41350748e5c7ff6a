import { entry, type Group } from '../core/command.ts'

export const networkGroup: Group = {
  name: 'network',
  summary: 'Manage networks',
  commands: [
    entry('capture', 'Record the packets of a container', () => import('./capture.ts')),
    entry('connect', 'Connect a container to a network', () => import('./connect.ts')),
    entry('create', 'Create a network', () => import('./create.ts')),
    entry('disconnect', 'Disconnect a container from a network', () => import('./disconnect.ts')),
    entry('doctor', 'Say what of the host stands in the way of networks', () => import('./doctor.ts')),
    entry('egress', 'Show what containers may reach outside, and what was dropped', () => import('./egress.ts')),
    entry('explain', 'Say why one container can or cannot reach another', () => import('./explain.ts')),
    entry('inspect', 'Display detailed information on one or more networks', () => import('./inspect.ts')),
    entry('ls', 'List networks', () => import('./ls.ts'), { aliases: ['list'] }),
    entry('map', 'Draw networks, containers, ports and who can reach whom', () => import('./map.ts')),
    entry('prune', 'Remove all unused networks', () => import('./prune.ts')),
    entry('rm', 'Remove one or more networks', () => import('./rm.ts'), { aliases: ['remove'] }),
    entry('update', 'Change a network in place', () => import('./update.ts')),
  ],
}
