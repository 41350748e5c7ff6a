import { notImplemented } from '#lib/errors.ts'
import type { Readable } from 'node:stream'
import type { BackupTarget, TargetEnvironment, TargetObject } from '#ports/targets.ts'
import type { Place } from '../url.ts'

export class S3Target implements BackupTarget {
  readonly url: string
  constructor(place: Place & { kind: 's3' }, _environment: TargetEnvironment) {
    this.url = `s3://${place.bucket}/${place.prefix}`
  }
  async put(): Promise<{ bytes: number }> {
    throw notImplemented('s3 target')
  }
  async open(): Promise<Readable> {
    throw notImplemented('s3 target')
  }
  async stat(): Promise<TargetObject | undefined> {
    throw notImplemented('s3 target')
  }
  async list(): Promise<TargetObject[]> {
    throw notImplemented('s3 target')
  }
  async remove(): Promise<void> {
    throw notImplemented('s3 target')
  }
  async close(): Promise<void> {}
}
