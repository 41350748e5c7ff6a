import type { BackupTarget, TargetEnvironment, Targets } from '#ports/targets.ts'
import { DirectoryTarget } from './directory.ts'
import { decrypting, encrypting } from './encryption.ts'
import { parsePlace } from './url.ts'

export type * from '#ports/targets.ts'
export { decrypting, encrypting, generateKey, isEncrypted, keysOf } from './encryption.ts'
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

/** For those who may only know the port. */
export const targets: Targets = { open: openTarget, encrypting, decrypting }
