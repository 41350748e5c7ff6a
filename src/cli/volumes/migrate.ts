import { parseHost } from '#client/index.ts'
import { messageOf } from '#lib/errors.ts'
import { CliError, defineCommand, unsupportedFormat, UsageError } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { humanSize } from '../render/units.ts'
import { interruptible } from './backup/interrupt.ts'
import { berthToBerth } from './migrate/berth-to-berth.ts'
import { isBerth, refuseSelf, refuseUsed, sourceOf, volumeAt } from './migrate/check.ts'
import { sweep } from './migrate/helper.ts'
import { Report, type Job, type Moved } from './migrate/job.ts'
import { Link } from './migrate/link.ts'
import { throughHelper } from './migrate/through-helper.ts'

interface Result extends Moved {
  name: string
  as: string
  removed: boolean
}

export const command = defineCommand({
  usage: '[OPTIONS] VOLUME [VOLUME...] HOST',
  args: [2, Infinity],
  complete: 'volume',
  description: `Move volumes to another host

HOST is as for -H: ssh://[user@]host, unix:///socket or tcp://host:port. The volume is streamed there and unpacked out of sight; when every byte is as it was sent, it appears under its name in one step, and is read again from that disk and compared. A link that breaks is taken up again where it broke. Labels and options come along; the volume here stays as it is, unless --remove says that it goes, and then only when nothing has changed in it meanwhile.

HOST may run plain Docker, and so may the host that the volumes are on (-H): a container that is never started lends its archive then, a link that breaks has everything sent again, the volume can be seen there before it is whole, and what Docker cannot keep is said.

  berth volume migrate pg_data ssh://admin@new-host
  berth volume migrate pg_data uploads ssh://new-host --pause --remove
  berth -H ssh://old-host volume migrate pg_data unix:///run/berth.sock --as pg_data_copy`,
  flags: {
    as: { type: 'string', value: 'name', help: 'Name on the other host' },
    format: { type: 'string', help: 'Print what was done as "json"', complete: ['json'] },
    'helper-image': {
      type: 'string',
      value: 'image',
      help: 'Image for the container that is never started, on plain Docker; any that is there unless given',
    },
    level: { type: 'int', help: 'Compression from 1 (fast) to 19' },
    'no-compress': { type: 'bool', help: 'Send the data as it is' },
    pause: {
      type: 'bool',
      help: 'Freeze the containers that use the volume: for an instant where there are snapshots, else until the end',
    },
    quiet: { type: 'bool', short: 'q', help: 'Print only the names, and no progress' },
    remove: { type: 'bool', help: 'Remove the volume here when it is proven to be there' },
    replace: { type: 'bool', help: 'Replace a volume of the name on the other host that no container uses' },
    'retry-for': { type: 'duration', default: 300e9, help: 'Give up when there has been no connection for this long' },
  },
  async run(context, { args, flags }) {
    if (flags.format !== '' && flags.format !== 'json') throw unsupportedFormat(flags.format, ['json', 'nothing'])
    const names = args.slice(0, -1)
    const host = args.at(-1)!
    if (!/^(unix|tcp|https?|ssh):\/\/|^\//.test(host)) {
      throw new UsageError(`the last argument is no host: ${host}: write ssh://host, unix:///socket or tcp://host:port`)
    }
    if (flags.as !== '' && names.length > 1) throw new UsageError('conflicting options: --as is for one volume')
    if (new Set(names).size < names.length) throw new UsageError('a volume is named twice')
    const endpoint = parseHost(host, /^(tcp|https):/.test(host) ? context.globals.tls : undefined)
    const quiet = flags.quiet || flags.format === 'json'
    const results = await interruptible(async signal => {
      let say = (_state: string) => {}
      const link = new Link(endpoint, { retryMs: flags['retry-for'] / 1e6, say: state => say(state), signal })
      try {
        const jobs = names.map((name): Job => ({
          name,
          as: flags.as || name,
          format: flags['no-compress'] ? 'tar' : 'zstd',
          level: flags['no-compress'] ? 0 : flags.level,
          pause: flags.pause,
          replace: flags.replace,
          helperImage: flags['helper-image'],
          signal,
        }))
        const both = await checkAll(context, link, jobs, flags.remove)
        const done: Result[] = []
        for (const job of jobs) {
          const report = new Report(context, quiet)
          say = state => report.say(state)
          try {
            const moved = await move(context, link, job, report, both)
            report.end()
            const unchanged = flags.remove && (await moved.unchanged().finally(() => moved.close()))
            if (!flags.remove) await moved.close()
            const removed = flags.remove && (await remove(context, job, moved, unchanged))
            done.push({ name: job.name, as: job.as, removed, ...moved })
            if (flags.format !== 'json') show(context, done.at(-1)!, link.address, quiet)
          } finally {
            report.end()
          }
        }
        return done
      } finally {
        link.close()
      }
    })
    if (flags.format === 'json') context.print(JSON.stringify(results.map(jsonOf)))
  },
})

interface Sides {
  /** Whether the daemons here and there are Berths. */
  here: boolean
  there: boolean
}

/** Everything that can be known before a byte is sent. */
async function checkAll(context: Context, link: Link, jobs: readonly Job[], remove: boolean): Promise<Sides> {
  for (const { name } of jobs) await sourceOf(context.client, name, remove)
  const itself = jobs.find(({ name, as }) => name === as)
  if (itself) await link.once(client => refuseSelf(context.client, client, itself.name))
  const sides = { here: await isBerth(context.client), there: await link.once(isBerth) }
  for (const { as, replace } of jobs) {
    if (!sides.there) await link.persist(client => sweep(client, as))
    if (!(await link.persist(client => volumeAt(client, as)))) continue
    if (replace && !sides.there) {
      throw new CliError(
        `plain Docker at ${link.address} cannot replace volume ${as} in one step: remove it there, or give another name (--as)`,
      )
    }
    if (!replace) continue
    const what = `volume ${as} at ${link.address} cannot be replaced`
    await link.persist(client => refuseUsed(client, as, what))
  }
  return sides
}

async function move(context: Context, link: Link, job: Job, report: Report, { here, there }: Sides): Promise<Moved> {
  if (!job.replace && (await link.persist(client => volumeAt(client, job.as)))) {
    const same = here && there ? await sameContent(context, link, job, report) : undefined
    if (same) return same
    throw new CliError(
      `volume ${job.as} exists already at ${link.address}: give another name (--as) or replace it (--replace)`,
    )
  }
  return here && there
    ? berthToBerth(context, link, job, report)
    : throughHelper(context, link, job, report, { here, there })
}

/** An earlier attempt may have ended between the last step there and the first one here. */
async function sameContent(context: Context, link: Link, job: Job, report: Report): Promise<Moved | undefined> {
  report.say('a volume of the name is there already: comparing')
  const [ours, theirs] = await Promise.all([
    context.client.backups.digest(job.name),
    link.persist(client => client.backups.digest(job.as)),
  ])
  report.say('')
  if (ours !== theirs) return undefined
  const unchanged = async () => (await context.client.backups.digest(job.name)) === ours
  return { digest: ours, files: 0, bytes: 0, sentBytes: 0, changed: [], notKept: [], unchanged, close: async () => {} }
}

/** Only what has been proven to be on the far side is removed. @returns whether it was */
async function remove(context: Context, job: Job, { notKept }: Moved, unchanged: boolean): Promise<boolean> {
  const keep = (reason: string) => {
    context.warn(`volume ${job.name} is not removed here: ${reason}`)
    return false
  }
  if (notKept.length > 0) return keep(`not all of it could be kept there (${notKept.join(', ')})`)
  if (!unchanged) return keep('it has changed since it was read: migrate again with --replace')
  try {
    await context.client.volumes.remove(job.name)
    return true
  } catch (error) {
    return keep(messageOf(error))
  }
}

function show(context: Context, result: Result, address: string, quiet: boolean): void {
  context.print(result.as)
  for (const path of result.changed) context.warn(`changed while it was read: ${path}`)
  if (result.notKept.length > 0) context.warn(`not kept by Docker: ${result.notKept.join(', ')}`)
  if (quiet) return
  const { files, bytes, sentBytes, removed, digest } = result
  const sent =
    sentBytes === 0 ? 'was there already' : `${files} files, ${humanSize(bytes)}, sent as ${humanSize(sentBytes)}`
  context.print(`${sent}; checked at ${address}: ${digest.slice(0, 12)}${removed ? '; removed here' : ''}`)
}

function jsonOf({ name, as, digest, files, bytes, sentBytes, changed, notKept, removed }: Result) {
  return {
    Volume: name,
    As: as,
    Digest: digest,
    Files: files,
    Bytes: bytes,
    SentBytes: sentBytes,
    Changed: changed,
    NotKept: notKept,
    Removed: removed,
  }
}
