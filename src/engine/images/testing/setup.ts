import { pack } from 'tar-stream'
import { Readable } from 'node:stream'
import { silentLogger } from '#lib/log.ts'
import { systemClock } from '#lib/clock.ts'
import { FakeContent } from '#ports/testing/fake-content.ts'
import { FakeSnapshots } from '#ports/testing/fake-snapshots.ts'
import { FakeStore } from '#ports/testing/fake-store.ts'
import { Images } from '../images.ts'
import type { Bootstrap } from '#ports/bootstrap.ts'
import type { Registry } from '#ports/registry.ts'
import type { ImagesOptions } from '../context.ts'

export interface Files {
  [name: string]: string | Buffer
}

/** A tar of plain files, dated 0. */
export async function tarOf(files: Files): Promise<Buffer> {
  const tar = pack()
  for (const [name, content] of Object.entries(files)) tar.entry({ name, mtime: new Date(0) }, content)
  tar.finalize()
  const parts: Buffer[] = []
  for await (const part of tar) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

export const streamOf = (bytes: Buffer): Readable => Readable.from([bytes])

export async function bytesOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

const unused = (name: string) =>
  new Proxy({}, { get: () => () => Promise.reject(new Error(`the test's ${name} was asked`)) })

/** An image service on fakes, with what it published and who uses its images in the test's hands. */
export function setup(over: Partial<ImagesOptions> = {}) {
  const events: { Action: string; ID: string; name: string | undefined }[] = []
  const users = new Map<string, { id: string; running: boolean }[]>()
  const parts = { store: new FakeStore(), content: new FakeContent(), snapshots: new FakeSnapshots() }
  const options: ImagesOptions = {
    ...parts,
    registry: unused('registry') as Registry,
    bootstrap: unused('bootstrap') as Bootstrap,
    users: id => users.get(id) ?? [],
    publish: e => events.push({ Action: e.Action, ID: e.Actor.ID, name: e.Actor.Attributes['name'] }),
    clock: systemClock(),
    log: silentLogger,
    platform: { os: 'linux', architecture: 'amd64' },
    ...over,
  }
  return { images: new Images(options), events, users, options, ...parts }
}

let made = 0

/** Imports an image of one file, distinct unless `content` is given. */
export async function anImage(
  images: Images,
  reference: string | undefined,
  options: { content?: string; created?: string; labels?: Record<string, string> } = {},
) {
  const tar = await tarOf({ file: options.content ?? `content ${made++}` })
  return await images.import(streamOf(tar), {
    ...(reference ? { reference } : {}),
    ...(options.created ? { created: options.created } : {}),
    ...(options.labels ? { config: { Labels: options.labels } } : {}),
  } as Parameters<Images['import']>[1])
}
