import { notImplemented } from '#lib/errors.ts'
import type { Readable } from 'node:stream'
import type { BackupTarget, TargetEnvironment, TargetObject } from '#ports/targets.ts'
import type { Place } from '../url.ts'

export class SshTarget implements BackupTarget {
  readonly url: string
  constructor(place: Place & { kind: 'ssh' }, _environment: TargetEnvironment) {
    this.url = `ssh://${place.host}${place.path}`
  }
  async put(): Promise<{ bytes: number }> {
    throw notImplemented('ssh target')
  }
  async open(): Promise<Readable> {
    throw notImplemented('ssh target')
  }
  async stat(): Promise<TargetObject | undefined> {
    throw notImplemented('ssh target')
  }
  async list(): Promise<TargetObject[]> {
    throw notImplemented('ssh target')
  }
  async remove(): Promise<void> {
    throw notImplemented('ssh target')
  }
  async close(): Promise<void> {}
}
