import { invalid, messageOf, notImplemented } from '#lib/errors.ts'
import type { WaitCondition } from '#engine/containers/index.ts'
import { containerName, createRequest, updateRequest } from '#wire/container-create.ts'
import { platformRequest } from '#wire/image-request.ts'
import { checkSignal } from '#wire/signals.ts'
import type { ContainerCreateResponse, ContainersPruneResponse, ContainerWaitResponse } from '#wire/index.ts'
import type { Context } from '../context.ts'
import type { Needs } from '../needs.ts'
import { parseInteger } from '../query.ts'
import type { Route } from '../router.ts'

/** Docker's client expects the head of the answer before the container starts since this version. */
const WAIT_FLUSHES = 30

/** Routes that change a container's life. */
export function containerLifeRoutes({ containers, networks, space, host }: Needs): Route[] {
  const nameOf = (reference: string) => {
    if (['bridge', 'host', 'none'].includes(reference)) return reference
    try {
      return networks.get(reference).name
    } catch {
      // Unknown is for the engine to judge.
      return reference
    }
  }
  return [
    {
      method: 'POST',
      path: '/containers/create',
      async handle(context) {
        const name = containerName(context.query.text('name'))
        const platform = platformRequest(context.query.text('platform'))
        const request = createRequest(await context.body(), {
          cgroupVersion: host.cgroupVersion,
          runtime: host.defaultRuntime,
          version: context.version,
          nameOf,
        })
        const { id, warnings } = await containers.create({ name, platform, ...request })
        const response: ContainerCreateResponse = { Id: id, Warnings: warnings }
        context.json(201, response)
      },
    },
    verb('start', async (reference, context) => {
      if (context.query.text('checkpoint') !== '') throw notImplemented('checkpoints are not supported')
      await containers.start(reference)
    }),
    verb('stop', (reference, context) => containers.stop(reference, stopOptions(context))),
    verb('restart', (reference, context) => containers.restart(reference, stopOptions(context))),
    verb('kill', (reference, context) => containers.kill(reference, signalOf(context) ?? 'SIGKILL')),
    verb('pause', reference => containers.pause(reference)),
    verb('unpause', reference => containers.unpause(reference)),
    verb('rename', (reference, context) => {
      const name = containerName(context.query.text('name'))
      if (name === '') throw invalid('neither old nor new names may be empty')
      return containers.rename(reference, name)
    }),
    verb(
      'resize',
      (reference, { query }) =>
        containers.resize(reference, dimension(query.text('h'), 'height'), dimension(query.text('w'), 'width')),
      200,
    ),
    {
      method: 'POST',
      path: '/containers/{id}/update',
      async handle(context) {
        const change = updateRequest(await context.body())
        const { warnings } = await containers.update(context.param('id'), change)
        context.json(200, { Warnings: warnings })
      },
    },
    { method: 'POST', path: '/containers/{id}/wait', handle: context => wait(context) },
    {
      method: 'DELETE',
      path: '/containers/{id}',
      async handle(context) {
        const { query } = context
        await containers.remove(context.param('id'), {
          force: query.bool('force'),
          volumes: query.bool('v'),
          link: query.bool('link'),
        })
        context.empty(204)
      },
    },
    {
      method: 'POST',
      path: '/containers/prune',
      async handle(context) {
        const { deleted, spaceReclaimed } = await containers.prune(context.query.filters())
        space.compact()
        const response: ContainersPruneResponse = { ContainersDeleted: deleted, SpaceReclaimed: spaceReclaimed }
        context.json(200, response)
      },
    },
  ]

  async function wait(context: Context): Promise<void> {
    const condition = waitCondition(context.query.text('condition'))
    const { result } = await containers.wait(context.param('id'), condition, context.signal)
    if (context.version >= WAIT_FLUSHES) context.begin('application/json')
    const response = await result.then(
      ({ exitCode, error }): ContainerWaitResponse => ({
        StatusCode: exitCode,
        // Whoever waits for the removal hears of a failed start from the start itself, as in Docker.
        ...(error && condition !== 'removed' && { Error: { Message: error } }),
      }),
      (error: unknown): ContainerWaitResponse => {
        if (!context.response.headersSent || context.signal.aborted) throw error
        return { StatusCode: 125, Error: { Message: messageOf(error) } }
      },
    )
    if (!context.response.headersSent) return context.json(200, response)
    context.response.end(`${JSON.stringify(response)}\n`)
  }
}

/** `POST /containers/{id}/VERB` that answers with a status only. */
function verb(name: string, act: (reference: string, context: Context) => Promise<void>, status = 204): Route {
  return {
    method: 'POST',
    path: `/containers/{id}/${name}`,
    async handle(context) {
      await act(context.param('id'), context)
      context.empty(status)
    },
  }
}

function stopOptions(context: Context): { timeout?: number; signal?: string } {
  const timeout = context.query.int('t')
  const signal = signalOf(context)
  return { ...(timeout !== undefined && { timeout }), ...(signal !== undefined && { signal }) }
}

function signalOf({ query }: Context): string | undefined {
  const signal = query.text('signal')
  if (signal === '') return undefined
  checkSignal(signal)
  return signal
}

/** Rows or columns. @throws invalid in Docker's words */
export function dimension(value: string, what: 'height' | 'width'): number {
  let number: number
  try {
    number = parseInteger(value)
  } catch (cause) {
    throw invalid(`invalid resize ${what} ${JSON.stringify(value)}`, { cause })
  }
  if (number < 0 || number > 65_535)
    throw invalid(`invalid resize ${what} ${JSON.stringify(value)}: value out of range`)
  return number
}

function waitCondition(text: string): WaitCondition {
  if (text === '') return 'not-running'
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text
  throw invalid(`invalid condition: ${JSON.stringify(text)}`)
}
