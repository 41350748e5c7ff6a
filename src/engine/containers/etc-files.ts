import { messageOf } from '#lib/errors.ts'
import type { Context } from './context.ts'
import { etcFiles } from './run/network.ts'

interface EtcTexts {
  hosts: string
  resolvConf: string
}

/**
 * Brings /etc/hosts and /etc/resolv.conf of a running container to its networks of now, in place: they are bind mounts.
 * What the container wrote there itself stays.
 *
 * @param before what the files were to be before the change; undefined when it does not run
 */
export async function refreshEtcFiles(ctx: Context, id: string, before: EtcTexts | undefined): Promise<void> {
  const after = before && (await ctx.networks.files(id))
  if (!after) return
  const paths = etcFiles(ctx, id)
  try {
    if (after.hosts !== before.hosts) {
      const current = await ctx.files.read(paths.hosts)
      await ctx.files.writeInPlace(paths.hosts, mergedHosts(current, before.hosts, after.hosts))
    }
    if (after.resolvConf !== before.resolvConf && (await ctx.files.read(paths.resolvConf)) === before.resolvConf) {
      await ctx.files.writeInPlace(paths.resolvConf, after.resolvConf)
    }
  } catch (error) {
    // The network itself is as asked; an error here would make the client believe it is not.
    ctx.log.error('files of a container not brought up to date', { container: id, error: messageOf(error) })
  }
}

/** `current` without the lines that only `before` has, and with those that only `after` has. */
export function mergedHosts(current: string, before: string, after: string): string {
  if (current === before) return after
  const [old, wanted] = [linesOf(before), linesOf(after)]
  const gone = new Set(old.filter(line => !wanted.includes(line)))
  const kept = linesOf(current).filter(line => !gone.has(line))
  const added = wanted.filter(line => !old.includes(line) && !kept.includes(line))
  return [...kept, ...added].map(line => `${line}\n`).join('')
}

/**
 * A container that others have a legacy link to has started: their /etc/hosts gets its address of now. Runs beside the start,
 * which it does not hold up.
 */
export async function refreshLinking(ctx: Context, id: string): Promise<void> {
  for (const linking of ctx.networks.linkedTo(id)) {
    try {
      const wanted = await ctx.networks.files(linking)
      const path = etcFiles(ctx, linking).hosts
      const current = await ctx.files.read(path)
      const next = wanted && readdressed(current, wanted.hosts)
      if (next !== undefined && next !== current) await ctx.files.writeInPlace(path, next)
    } catch (error) {
      ctx.log.error('links of a container not brought up to date', { container: linking, error: messageOf(error) })
    }
  }
}

/** `current` with the addresses that `wanted` has for the same names. */
export function readdressed(current: string, wanted: string): string {
  const namesOf = (line: string) => line.replace(/^\S+\s+/, '')
  const lines = linesOf(wanted)
  // A container on two networks has its own name twice: which address goes where cannot be told, and neither has changed.
  const once = lines.filter(line => lines.filter(other => namesOf(other) === namesOf(line)).length === 1)
  const byNames = new Map(once.map(line => [namesOf(line), line]))
  const special = /^(#|127\.|::|fe00|ff0)/
  return linesOf(current)
    .map(line => (special.test(line) ? line : (byNames.get(namesOf(line)) ?? line)))
    .map(line => `${line}\n`)
    .join('')
}

function linesOf(text: string): string[] {
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
}
