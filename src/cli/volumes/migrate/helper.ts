import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import type { EngineClient } from '#client/index.ts'
import { encodeEnd, encodeEntry, type TarEntry } from '#codec/tar/index.ts'
import { CliError } from '../../core/command.ts'

/** Label of helper containers; its value is the volume's name. */
const LABEL = 'berth.migrate'
/** Label of those beside a volume that was made for them and is not whole before they go. */
const HALF = 'berth.migrate.half'
const TARGET = '/volume'

/** A container that has a volume and is never started: through it, archives go into and out of a plain Docker's volume. */
export class Helper {
  readonly #client: EngineClient
  readonly #id: string

  private constructor(client: EngineClient, id: string) {
    this.#client = client
    this.#id = id
  }

  /** @param options.half whether the volume is not to outlive an attempt that breaks off */
  static async create(
    client: EngineClient,
    volume: string,
    options: { image: string; address: string; half?: boolean; readOnly?: boolean },
  ): Promise<Helper> {
    const image = options.image || (await anyImage(client, options.address))
    const { Id } = await client.containers.create(
      {
        Image: image,
        Cmd: ['true'],
        Labels: { [LABEL]: volume, ...(options.half && { [HALF]: 'yes' }) },
        NetworkDisabled: true,
        HostConfig: {
          NetworkMode: 'none',
          Mounts: [
            {
              Type: 'volume',
              Source: volume,
              Target: TARGET,
              ReadOnly: options.readOnly ?? false,
              VolumeOptions: { NoCopy: true },
            },
          ],
        },
      },
      { name: `berth-migrate-${randomBytes(6).toString('hex')}` },
    )
    return new Helper(client, Id)
  }

  /** The volume's content, as a tar archive. */
  async read(signal: AbortSignal): Promise<Readable> {
    return (await this.#client.containers.archiveGet(this.#id, `${TARGET}/.`, signal)).tar
  }

  async write(tar: Readable, signal: AbortSignal): Promise<void> {
    await this.#client.containers.archivePut(this.#id, TARGET, tar, { signal })
  }

  /** Owner, mode and time of the volume itself: Docker leaves the directory that it unpacks into as it is. */
  async writeRoot(root: TarEntry, signal: AbortSignal): Promise<void> {
    const tar = Buffer.concat([encodeEntry({ ...root, name: `${TARGET.slice(1)}/` }), encodeEnd()])
    await this.#client.containers.archivePut(this.#id, '/', Readable.from([tar], { objectMode: false }), { signal })
  }

  async remove(): Promise<void> {
    await this.#client.containers.remove(this.#id, { force: true })
  }
}

/** Takes away what an attempt that broke off left: its helpers, and the volume if they say that it is not whole. */
export async function sweep(client: EngineClient, volume: string): Promise<void> {
  const left = await client.containers.list({ all: true, filters: { label: [`${LABEL}=${volume}`] } })
  for (const { Id } of left) await client.containers.remove(Id, { force: true })
  if (left.some(({ Labels }) => Labels?.[HALF] !== undefined)) await client.volumes.remove(volume, { force: true })
}

async function anyImage(client: EngineClient, address: string): Promise<string> {
  const images = await client.images.list()
  const smallest = images.sort((a, b) => a.Size - b.Size)[0]
  if (smallest) return smallest.Id
  throw new CliError(
    `there is no image at ${address} for the container that lends the volume's archive: pull any (busybox) and name it with --helper-image`,
  )
}
