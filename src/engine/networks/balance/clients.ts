import { messageOf } from '#lib/errors.ts'
import type { Context, LiveSandbox } from '../context.ts'
import { addressesIn, CLIENT_TABLE, clientScript, type Translation } from './client-table.ts'
import { membersIn, servingMembers, type Client, type Vip } from './state.ts'

/**
 * The address of a group is turned into a replica's inside the namespace of whoever uses it, so that the replica sees
 * who really asks, and packets go straight over the bridge. A namespace gets that when one of its programs is first
 * told the address, before it is told.
 *
 * @returns what the answer has to wait for; undefined when the translation is there
 */
export function prepareClient(ctx: Context, sandbox: LiveSandbox, keys: readonly string[]): Promise<void> | undefined {
  const resuming = ctx.balance.resuming.get(sandbox.owner.id)
  if (resuming) return resuming.then(() => prepareClient(ctx, sandbox, keys))
  const known = ctx.balance.clients.get(sandbox.owner.id)
  let missing = false
  for (const key of keys) {
    const vip = ctx.balance.vips.get(key)
    if (!vip || known?.ready.has(vip)) continue
    const client = known ?? clientOf(ctx, sandbox)
    use(client, vip)
    missing = true
  }
  return missing ? flush(ctx, ctx.balance.clients.get(sandbox.owner.id)!) : undefined
}

function clientOf(ctx: Context, sandbox: LiveSandbox): Client {
  const { clients } = ctx.balance
  let client = clients.get(sandbox.owner.id)
  if (!client) {
    client = {
      path: sandbox.path,
      vips: new Set(),
      ready: new Set(),
      stale: new Set(),
      gone: [],
      fresh: true,
      running: undefined,
    }
    clients.set(sandbox.owner.id, client)
  }
  return client
}

function use(client: Client, vip: Vip): void {
  client.vips.add(vip)
  client.stale.add(vip)
  vip.clients.add(client)
}

function stopUsing(client: Client, vip: Vip): void {
  vip.clients.delete(client)
  client.vips.delete(vip)
  client.stale.delete(vip)
  if (client.ready.delete(vip)) client.gone.push(...[vip.ipv4, vip.ipv6].filter(address => address !== ''))
}

/** Tells all who use the address what it stands for now, if that has changed. */
export async function tellClients(ctx: Context, vip: Vip): Promise<void> {
  const told = translationsOf(vip)
    .map(({ address, targets }) => `${address} ${targets.join()}`)
    .join('\n')
  if (told === vip.told) {
    // What is on its way already must have arrived too.
    await Promise.all([...vip.clients].map(client => client.running))
    return
  }
  vip.told = told
  await Promise.all(
    [...vip.clients].map(client => {
      client.stale.add(vip)
      return flush(ctx, client)
    }),
  )
}

export function translationsOf(vip: Vip): Translation[] {
  const serving = servingMembers(membersIn(vip.group, vip.networkId))
  const endpoints = serving.map(({ sandbox }) => sandbox.endpoints.get(vip.networkId)!)
  const translation = (address: string, targets: string[]): Translation[] =>
    address === '' ? [] : [{ address, targets: targets.filter(target => target !== '').toSorted() }]
  return [
    ...translation(
      vip.ipv4,
      endpoints.map(endpoint => endpoint.ipv4),
    ),
    ...translation(
      vip.ipv6,
      endpoints.map(endpoint => endpoint.ipv6),
    ),
  ]
}

/** The address stands for nothing any more. */
export function forgetVip(ctx: Context, vip: Vip): void {
  for (const client of vip.clients) {
    stopUsing(client, vip)
    void flush(ctx, client)
  }
}

/** The sandbox goes, or left one network. */
export function forgetClient(ctx: Context, containerId: string, networkId?: string): void {
  const client = ctx.balance.clients.get(containerId)
  if (!client) return
  for (const vip of client.vips) {
    if (networkId !== undefined && vip.networkId !== networkId) continue
    stopUsing(client, vip)
  }
  if (networkId !== undefined) return void flush(ctx, client)
  ctx.balance.clients.delete(containerId)
  client.gone = []
}

/** After a restart: a namespace that had translations gets them as they should be now. */
export async function resumeClient(ctx: Context, sandbox: LiveSandbox): Promise<void> {
  if (!sandbox.path) return
  const vips = [...ctx.balance.vips.values()].filter(vip => sandbox.endpoints.has(vip.networkId))
  if (vips.length === 0) return
  const tables = await ctx.firewall.tables(sandbox.path)
  if (!tables.some(table => table.family === 'inet' && table.name === CLIENT_TABLE)) return
  const known = new Set(addressesIn(await ctx.firewall.listTable('inet', CLIENT_TABLE, sandbox.path)))
  const used = vips.filter(vip => known.has(vip.ipv4) || known.has(vip.ipv6))
  if (ctx.live.get(sandbox.owner.id) !== sandbox) return
  const client = clientOf(ctx, sandbox)
  client.fresh = true
  for (const vip of [...client.vips, ...used]) use(client, vip)
  await flush(ctx, client)
}

/** One transaction at a time in each namespace; what comes meanwhile goes together into the next. */
function flush(ctx: Context, client: Client): Promise<void> {
  client.running ??= apply(ctx, client)
  return client.running
}

async function apply(ctx: Context, client: Client): Promise<void> {
  // Those who ask in the same turn share it.
  await Promise.resolve()
  while (client.stale.size > 0 || client.gone.length > 0) {
    const { fresh, gone } = client
    const vips = fresh ? [...client.vips] : [...client.stale]
    client.stale.clear()
    client.gone = []
    client.fresh = false
    try {
      await ctx.firewall.apply(clientScript(vips.flatMap(translationsOf), gone, fresh), client.path)
      for (const vip of vips) if (client.vips.has(vip)) client.ready.add(vip)
    } catch (error) {
      // Most likely the table is gone, flushed by a program inside, or the namespace, and then nobody asks any more.
      client.fresh = true
      if (fresh && client.vips.size > 0) {
        ctx.log.warn('addresses of services not set up in a sandbox', { sandbox: client.path, error: messageOf(error) })
      }
      for (const vip of fresh ? [] : client.vips) client.stale.add(vip)
    }
  }
  // In the same turn as the look at what is left, or a change that comes in between would wait for ever.
  client.running = undefined
}
