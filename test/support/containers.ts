import type { ContainerCreateRequest } from '#wire/index.ts'
import type { TestDaemon } from './daemon.ts'

export const SLEEP = ['sleep', '1000']

/** Ends at once on SIGTERM, which pid 1 would ignore without a handler. */
export const obedient = (script: string) => [
  'sh',
  '-c',
  `trap 'exit 0' TERM; ${script}; while :; do sleep 1000 & wait; done`,
]

/** Creates and starts a busybox container. @returns its id */
export async function started(
  daemon: TestDaemon,
  name: string,
  Cmd: string[] = SLEEP,
  request: ContainerCreateRequest = {},
): Promise<string> {
  const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd, ...request }, { name })
  await daemon.client.containers.start(Id)
  return Id
}

/** What a command in a container says and how it ends. */
export async function inside(
  daemon: TestDaemon,
  container: string,
  ...Cmd: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const { exec } = daemon.client
  const id = await exec.create(container, { Cmd, AttachStdout: true, AttachStderr: true })
  const stream = await exec.start(id)
  const text = { stdout: '', stderr: '' }
  for await (const frame of stream.frames()) text[frame.stream] += frame.data.toString()
  return { code: (await exec.inspect(id)).ExitCode ?? -1, ...text }
}

/** Everything that a container has logged. */
export async function logged(daemon: TestDaemon, container: string): Promise<string> {
  let text = ''
  for await (const { data } of await daemon.client.containers.logs(container)) text += data.toString()
  return text
}

/** @returns the exit code, when it has one */
export async function exitOf(daemon: TestDaemon, container: string): Promise<number> {
  const { exit } = await daemon.client.containers.wait(container)
  return (await exit).StatusCode
}

/** Removes all containers, networks and volumes between tests. */
export async function clear(daemon: TestDaemon): Promise<void> {
  const { containers, networks, volumes } = daemon.client
  const all = await containers.list({ all: true })
  await Promise.all(all.map(one => containers.remove(one.Id, { force: true, volumes: true })))
  await networks.prune()
  await volumes.prune({ all: ['true'] })
}
