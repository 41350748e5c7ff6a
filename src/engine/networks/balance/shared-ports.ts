import type { PublishedPort } from '#model/container.ts'
import type { Context } from '../context.ts'
import { SPREAD, type Element } from '../firewall/ruleset.ts'
import { portSlot, publishingEndpoint } from '../publish.ts'
import { spreadSlots } from './spread.ts'
import { servingMembers, type Group, type Member, type SharedPort } from './state.ts'

const keyOf = ({ protocol, hostIp, hostPort }: PublishedPort): string => `${protocol} ${hostIp} ${hostPort}`

/**
 * Brings the published ports of a group to where its members are; one transaction. A port of one replica is an element
 * like any other container's; one that several share has an element for each of its slots.
 *
 * @param left ports of a member that is gone
 */
export async function publishShared(ctx: Context, group: Group, left: readonly PublishedPort[] = []): Promise<void> {
  const { ports } = ctx.balance
  const remove: Element[] = []
  const add: Element[] = []
  const undo: (() => void)[] = []
  for (const [key, port] of portsOf(group, left)) {
    const before = ports.get(key)
    const after = wanted(ctx, group, port, before?.slots ?? [])
    if (after.elements.length > 0) ports.set(key, after)
    else ports.delete(key)
    undo.push(() => (before ? ports.set(key, before) : ports.delete(key)))
    remove.push(...(before?.elements ?? []))
    add.push(...after.elements)
  }
  try {
    await ctx.filter.change(remove, add)
  } catch (error) {
    for (const step of undo) step()
    throw error
  }
}

/** All of them, for a table that is built anew. */
export function allShared(ctx: Context): Element[] {
  ctx.balance.ports.clear()
  for (const group of ctx.balance.groups.values()) {
    for (const [key, port] of portsOf(group, [])) ctx.balance.ports.set(key, wanted(ctx, group, port, []))
  }
  return [...ctx.balance.ports.values()].flatMap(port => port.elements)
}

function portsOf(group: Group, left: readonly PublishedPort[]): Map<string, PublishedPort> {
  const all = [...group.members.values()].flatMap(member => member.sandbox.ports)
  return new Map([...left, ...all].map(port => [keyOf(port), port]))
}

function wanted(ctx: Context, group: Group, port: PublishedPort, slots: readonly string[]): SharedPort {
  const { family, set, key } = portSlot(port)
  const holders = [...group.members.values()].filter(member => holds(member, port))
  const targets = servingMembers(holders).flatMap(({ sandbox }) => {
    const endpoint = publishingEndpoint(ctx, sandbox.endpoints.values(), family)
    const address = family === 4 ? endpoint?.ipv4 : endpoint?.ipv6
    return address ? [`${address} . ${port.containerPort}`] : []
  })
  if (targets.length === 0) return { elements: [], slots: [] }
  const one: Element = { set, key, value: targets[0]! }
  if (holders.length === 1) return { elements: [one], slots: [] }
  const spread = spreadSlots(slots, targets.toSorted(), SPREAD)
  const spreadSet = `spread_${set}` as const
  return {
    elements: [one, ...spread.map((value, slot) => ({ set: spreadSet, key: `${slot} . ${key}`, value }))],
    slots: spread,
  }
}

function holds({ sandbox }: Member, port: PublishedPort): boolean {
  const key = keyOf(port)
  return sandbox.ports.some(own => own.containerPort === port.containerPort && keyOf(own) === key)
}
