import type { EngineClient } from '#client/index.ts'
import { isKind } from '#lib/errors.ts'
import type { VolumeJson } from '#wire/index.ts'
import { CliError } from '../../core/command.ts'

/** Whether the daemon has Berth's own routes; a plain Docker daemon does not. */
export async function isBerth(client: EngineClient): Promise<boolean> {
  try {
    await client.backups.status('0')
    return true
  } catch (error) {
    if (!isKind(error, 'not-found')) throw error
    return (error as Error).message.startsWith('no such backup')
  }
}

/** The volume here, if its data can go elsewhere. @throws CliError */
export async function sourceOf(client: EngineClient, name: string, remove: boolean): Promise<VolumeJson> {
  const volume = await client.volumes.inspect(name)
  const { type = '', device = '' } = volume.Options ?? {}
  if (volume.Driver !== 'local') {
    throw new CliError(
      `volume ${name} is the driver ${volume.Driver}'s: make it on the other host with that driver, or use volume backup and restore`,
    )
  }
  if (device !== '' && type !== 'tmpfs') {
    throw new CliError(
      `the data of volume ${name} is not Berth's but at ${device}${type ? ` (${type})` : ''}: make a volume with the same options on the other host`,
    )
  }
  if (remove) await refuseUsed(client, name, `volume ${name} cannot be removed here afterwards`)
  return volume
}

/**
 * A volume would be compared with itself, found the same, and removed.
 *
 * @throws CliError when both sides are one daemon
 */
export async function refuseSelf(here: EngineClient, there: EngineClient, name: string): Promise<void> {
  const [ours, theirs] = await Promise.all([here.system.info(), there.system.info()])
  if (ours.ID !== theirs.ID) return
  throw new CliError(
    `volume ${name} is at ${there.transport.address} already: this is the very daemon that has it: name another host, or give the copy another name (--as)`,
  )
}

/** @throws CliError when containers refer to the volume */
export async function refuseUsed(client: EngineClient, name: string, what: string): Promise<void> {
  const users = await client.containers.list({ all: true, filters: { volume: [name] } })
  if (users.length === 0) return
  const names = users.map(({ Names, Id }) => Names[0]?.replace(/^\//, '') ?? Id.slice(0, 12))
  throw new CliError(`${what}: it is used by ${names.join(', ')}: remove what uses it first`)
}

/** undefined when there is none. */
export async function volumeAt(client: EngineClient, name: string): Promise<VolumeJson | undefined> {
  try {
    return await client.volumes.inspect(name)
  } catch (error) {
    if (isKind(error, 'not-found')) return undefined
    throw error
  }
}
