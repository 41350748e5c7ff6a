import { conflict, messageOf, system } from '#lib/errors.ts'
import type { VolumeRecord } from '#model/volume.ts'
import type { Repository } from '#ports/store.ts'
import { directoryOf } from '../context.ts'
import type { Context } from '../context.ts'
import type { Asking } from './asking.ts'
import { parseCsiOptions, parseSecrets } from './options.ts'
import type { CsiVolume } from './state.ts'

/** What the verbs of a CSI driver share. */
export interface CsiContext {
  engine: Context
  asking: Asking
  /** By handle. */
  volumes: Repository<CsiVolume>
  bootId: string
  /** Takes a creation back after a while, should nobody have asked for the volume again. */
  later: (handle: string) => void
}

/** Of a volume, or of one that is about to be made. */
export type Named = Pick<VolumeRecord, 'name' | 'handle'>

export const handleOf = ({ name, handle }: Named): string => handle ?? name

/** Where containers see it; the driver makes it, and takes it away. */
export const targetOf = (ctx: CsiContext, name: string): string => `${directoryOf(ctx.engine, name)}/_data`

/** Where the driver prepares it, once for all containers. */
export function stagingOf(ctx: CsiContext, handle: string): string {
  return `${ctx.engine.root.replace(/\/volumes$/, '')}/csi/${ctx.asking.driver}/${handle}/globalmount`
}

/** Read anew for each call, and kept nowhere. @throws invalid or system naming the file */
export async function secretsFor(ctx: CsiContext, options: Record<string, string>): Promise<Record<string, string>> {
  const { secretFile } = parseCsiOptions(options)
  if (secretFile === undefined) return {}
  let text: string
  try {
    text = await ctx.engine.files.read(secretFile)
  } catch (error) {
    throw system(`secret-file ${secretFile} cannot be read: ${messageOf(error)}`, { cause: error })
  }
  return parseSecrets(secretFile, text)
}

/** Writes it down. @returns what was written */
export function put(ctx: CsiContext, volume: CsiVolume): CsiVolume {
  ctx.volumes.put(volume.handle, volume)
  return volume
}

/** @throws system: records are there, and what the driver needs is not */
export function known(ctx: CsiContext, record: Named): CsiVolume {
  const { name } = record
  const volume = ctx.volumes.get(handleOf(record))
  if (volume?.life === 'created') return volume
  if (volume?.life === 'deleting') throw conflict(`volume ${name} is being deleted: remove it again to finish that`)
  throw system(
    `volume ${name} of csi driver "${ctx.asking.driver}" is not known any more: remove it, and create it with -o volume-id=`,
  )
}
