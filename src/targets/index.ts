import { invalid } from '#lib/errors.ts'
import type { BackupTarget, ObjectPlace, TargetEnvironment, Targets } from '#ports/targets.ts'
import { DirectoryTarget } from './directory.ts'
import { decrypting, encrypting } from './encryption.ts'
import { parsePlace } from './url.ts'

export type * from '#ports/targets.ts'
export { decrypting, encrypting, generateKey, isEncrypted, keysOf } from './encryption.ts'
export { awsEnvironment } from './s3/environment.ts'
export { isRemote, splitObjectUrl } from './url.ts'

/**
 * Opens a place for backups by its URL; nothing is asked of it yet.
 * @throws invalid
 */
export async function openTarget(url: string, environment: TargetEnvironment): Promise<BackupTarget> {
  const place = parsePlace(url)
  if (place.kind === 'directory') return new DirectoryTarget(place.path)
  if (place.kind === 'ssh') {
    const { SshTarget } = await import('./ssh/target.ts')
    return new SshTarget(place, environment)
  }
  const { S3Target } = await import('./s3/target.ts')
  return new S3Target(place, environment)
}

/** See `Targets.objects`. */
async function openObjects(url: string, environment: TargetEnvironment): Promise<ObjectPlace> {
  const place = parsePlace(url)
  if (place.kind !== 's3') throw invalid(`${url} has no objects: use s3://bucket/prefix`)
  const { S3Objects } = await import('./s3/objects.ts')
  return new S3Objects(place, environment)
}

/** For those who may only know the port. */
export const targets: Targets = { open: openTarget, objects: openObjects, encrypting, decrypting }
