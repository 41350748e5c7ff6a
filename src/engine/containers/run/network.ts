import type { Rollback } from '#lib/rollback.ts'
import type { ContainerRecord, EndpointRecord, PublishedPort } from '#model/container.ts'
import { directoryOf, type Context } from '../context.ts'
import { ownerOf } from '../owner.ts'
import { parseNetworkMode } from '../spec/modes.ts'

export interface RunNetwork {
  /** '' for the host's or another container's. */
  sandboxPath: string
  endpoints: Record<string, EndpointRecord>
  publishedPorts: PublishedPort[]
  files: { hosts: string; hostname: string; resolvConf: string }
  hostname: string
}

/** Opens the container's network and writes the files in /etc that go with it. */
export async function openNetwork(ctx: Context, record: ContainerRecord, rollback: Rollback): Promise<RunNetwork> {
  const mode = parseNetworkMode(record.hostConfig.NetworkMode)
  // It shares the other's network, names and resolvers with it.
  if (mode.kind === 'container') {
    const other = ctx.records.find(mode.reference)
    return {
      sandboxPath: '',
      endpoints: {},
      publishedPorts: [],
      files: etcFiles(ctx, other.id),
      hostname: other.config.Hostname,
    }
  }
  const owner = ownerOf(record)
  rollback.add('close sandbox', () => ctx.networks.closeSandbox(record.id))
  const sandbox = await ctx.networks.openSandbox(owner, record.endpoints)
  const files = etcFiles(ctx, record.id)
  const hostname = sandbox.hostname || record.config.Hostname
  await Promise.all([
    ctx.files.writeInPlace(files.hosts, sandbox.hosts),
    ctx.files.writeInPlace(files.resolvConf, sandbox.resolvConf),
    ctx.files.writeInPlace(files.hostname, `${hostname}\n`),
  ])
  return {
    sandboxPath: sandbox.sandboxPath,
    endpoints: sandbox.endpoints,
    publishedPorts: sandbox.publishedPorts,
    files,
    hostname,
  }
}

export function etcFiles(ctx: Context, id: string): RunNetwork['files'] {
  const directory = directoryOf(ctx, id)
  return { hosts: `${directory}/hosts`, hostname: `${directory}/hostname`, resolvConf: `${directory}/resolv.conf` }
}
