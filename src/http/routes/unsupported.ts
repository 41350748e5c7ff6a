import { notFound, notImplemented, unavailable } from '#lib/errors.ts'
import type { Route } from '../router.ts'

const NOT_A_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

const METHODS = ['GET', 'POST', 'PUT', 'DELETE']
const CLUSTER = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs']

/** Endpoints that Docker has and Berth answers with a clear no, or with nothing to show. */
export function unsupportedRoutes(): Route[] {
  const cluster = CLUSTER.flatMap(name =>
    METHODS.flatMap((method): Route[] => [
      { method, path: `/${name}`, handle: notAManager },
      { method, path: `/${name}/{rest...}`, handle: notAManager },
    ]),
  )
  return [
    { method: 'POST', path: '/swarm/init', handle: no('clusters are not available in this version') },
    { method: 'POST', path: '/swarm/join', handle: no('clusters are not available in this version') },
    {
      method: 'POST',
      path: '/swarm/leave',
      handle() {
        throw unavailable('This node is not part of a swarm')
      },
    },
    ...cluster,
    { method: 'GET', path: '/plugins', handle: context => context.json(200, []) },
    { method: 'GET', path: '/plugins/{name...}/json', handle: noPlugin },
    { method: 'POST', path: '/plugins/{rest...}', handle: no('plugins are not supported') },
    { method: 'DELETE', path: '/plugins/{name...}', handle: noPlugin },
    {
      method: 'GET',
      path: '/distribution/{name...}/json',
      handle: no('asking a registry for a manifest is not supported: pull the image'),
    },
    { method: 'POST', path: '/build', handle: no('building images is not supported in this version') },
    { method: 'POST', path: '/build/cancel', handle: no('building images is not supported in this version') },
    {
      method: 'POST',
      path: '/build/prune',
      handle: context => context.json(200, { CachesDeleted: [], SpaceReclaimed: 0 }),
    },
    { method: 'POST', path: '/session', handle: no('build sessions are not supported in this version') },
    { method: 'POST', path: '/grpc', handle: no('build sessions are not supported in this version') },
    ...['GET', 'POST'].map((method): Route => ({
      method,
      path: '/containers/{id}/checkpoints',
      handle: no('checkpoints are not supported'),
    })),
  ]
}

function notAManager(): never {
  throw unavailable(NOT_A_MANAGER)
}

function noPlugin(context: { param(name: string): string }): never {
  throw notFound(`plugin ${JSON.stringify(context.param('name'))} not found`)
}

function no(message: string): () => never {
  return () => {
    throw notImplemented(message)
  }
}
