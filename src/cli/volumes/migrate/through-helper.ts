import type { Readable } from 'node:stream'
import type { EngineClient } from '#client/index.ts'
import { CliError } from '../../core/command.ts'
import type { Context } from '../../core/context.ts'
import { volumeAt } from './check.ts'
import { Helper, sweep } from './helper.ts'
import type { Job, Moved, Report } from './job.ts'
import { isBroken, type Link } from './link.ts'
import { commit, feed, SessionLost } from './send.ts'
import { TarTree } from './tar-tree.ts'
import { Window } from './window.ts'

/** Times that everything is sent anew: an archive that goes into a container cannot be taken up where it broke. */
const TIMES = 10

interface Sides {
  here: boolean
  there: boolean
}

/**
 * From or to a plain Docker: the volume's archive goes through a container that is never started, and is read again on the
 * far side and compared. A volume there is to be seen before it is whole; the container beside it says so.
 */
export async function throughHelper(
  context: Context,
  link: Link,
  job: Job,
  report: Report,
  sides: Sides,
): Promise<Moved> {
  if (job.pause && !sides.here) throw new CliError('--pause needs Berth on this side: pause the containers yourself')
  for (let time = 1; ; time++) {
    try {
      return await once(context, link, job, report, sides)
    } catch (error) {
      job.signal.throwIfAborted()
      if (!(error instanceof SessionLost) && !isBroken(error)) throw error
      if (time === TIMES) throw new CliError(`the connection to ${link.address} broke ${TIMES} times`, 1)
      report.say('the connection broke: sending everything again')
      link.renew()
      await link.persist(client => sweep(client, job.as))
    }
  }
}

async function once(context: Context, link: Link, job: Job, report: Report, sides: Sides): Promise<Moved> {
  const { signal } = job
  const source = await Source.open(context.client, job, sides.here)
  try {
    const sent = new TarTree()
    const made = await makeThere(link, context, job)
    try {
      const tar = await source.read(signal)
      report.total(tar.totalBytes)
      const content = sent.through(tar.stream)
      const timer = setInterval(() => report.read(sent.bytes), 300)
      try {
        await (sides.there ? restore(link, job, content, report) : put(link, job, { content, sent, made }))
      } finally {
        clearInterval(timer)
      }
      report.say('reading it again there')
      const there = await readThere(link, job, sides.there)
      report.say('')
      const wrong = sent.differences(there)
      if (wrong.length > 0) {
        throw new CliError(
          `volume ${job.as} at ${link.address} is not what was sent, and is removed: ${wrong.slice(0, 3).join('; ')}`,
        )
      }
    } catch (error) {
      await patient(giveUp(link, job, made))
      throw error
    }
    if (!sides.there) await link.persist(client => removeHelpers(client, job.as))
    return {
      digest: sent.digest(),
      files: sent.files,
      bytes: sent.bytes,
      sentBytes: sent.bytes,
      changed: [],
      notKept:
        sent.attributes > 0 && !sides.there
          ? [`extended attributes of ${sent.attributes} paths, as far as Docker does not show them`]
          : [],
      unchanged: async () => {
        const again = new TarTree()
        await again.read((await source.read(signal)).stream)
        return again.digest() === sent.digest()
      },
      close: () => source.close(),
    }
  } catch (error) {
    await source.close().catch(() => {})
    throw error
  }
}

/** The volume on this side, as a tar archive. */
class Source {
  readonly #client: EngineClient
  readonly #job: Job
  readonly #helper: Helper | undefined

  private constructor(client: EngineClient, job: Job, helper: Helper | undefined) {
    this.#client = client
    this.#job = job
    this.#helper = helper
  }

  static async open(client: EngineClient, job: Job, isBerth: boolean): Promise<Source> {
    if (isBerth) return new Source(client, job, undefined)
    await sweep(client, job.name)
    const address = client.transport.address
    const helper = await Helper.create(client, job.name, { image: job.helperImage, address, readOnly: true })
    return new Source(client, job, helper)
  }

  async read(signal: AbortSignal): Promise<{ stream: Readable; totalBytes: number }> {
    if (this.#helper) return { stream: await this.#helper.read(signal), totalBytes: -1 }
    const request = { Volumes: [this.#job.name], Format: 'tar' as const, Pause: this.#job.pause }
    return this.#client.backups.start(request, undefined, signal)
  }

  async close(): Promise<void> {
    await this.#helper?.remove()
  }
}

/** Labels and what options any host understands. @returns whether there was none */
async function makeThere(link: Link, context: Context, job: Job): Promise<boolean> {
  const { Labels } = await context.client.volumes.inspect(job.name)
  return link.persist(async client => {
    if (await volumeAt(client, job.as)) return false
    await client.volumes.create({ Name: job.as, Labels })
    return true
  })
}

/** To a Berth, as an archive that nothing but the comparison afterwards vouches for. */
async function restore(link: Link, job: Job, content: Readable, report: Report): Promise<void> {
  const session = await link.persist(client =>
    client.backups.openRestore({ Rename: { '': job.as }, Replace: job.replace, Foreign: true }),
  )
  try {
    await feed(link, session.id, new Window(content as AsyncIterable<Buffer>), bytes => report.arrived(bytes))
    await commit(link, session.id)
  } catch (error) {
    await patient(link.client.backups.abort(session.id))
    throw error
  }
}

interface Put {
  content: Readable
  /** Knows all of it afterwards. */
  sent: TarTree
  made: boolean
}

async function put(link: Link, job: Job, { content, sent, made }: Put): Promise<void> {
  await link.once(async (client, signal) => {
    const helper = await Helper.create(client, job.as, { image: job.helperImage, address: link.address, half: made })
    await helper.write(content, signal)
    if (sent.root) await helper.writeRoot(sent.root, signal)
  })
}

async function readThere(link: Link, job: Job, isBerth: boolean): Promise<TarTree> {
  return link.persist(async (client, signal) => {
    const tree = new TarTree()
    if (isBerth)
      return tree.read((await client.backups.start({ Volumes: [job.as], Format: 'tar' }, undefined, signal)).stream)
    const helper = await Helper.create(client, job.as, {
      image: job.helperImage,
      address: link.address,
      readOnly: true,
    })
    return tree.read(await helper.read(signal))
  })
}

async function removeHelpers(client: EngineClient, volume: string): Promise<void> {
  const left = await client.containers.list({ all: true, filters: { label: [`berth.migrate=${volume}`] } })
  for (const { Id } of left) await client.containers.remove(Id, { force: true })
}

async function giveUp(link: Link, job: Job, made: boolean): Promise<void> {
  await removeHelpers(link.client, job.as)
  if (made) await link.client.volumes.remove(job.as, { force: true })
}

/** Tidying up on a connection that may be gone: five seconds of it. */
async function patient(work: Promise<unknown>): Promise<void> {
  const over = new Promise(resolve => setTimeout(resolve, 5000).unref())
  await Promise.race([work.catch(() => {}), over])
}
