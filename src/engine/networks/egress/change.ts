import { conflict } from '#lib/errors.ts'
import type { Context } from '../context.ts'
import { sandboxFiles } from '../files/sandbox-files.ts'
import { listenDns } from '../sandbox-dns.ts'
import type { SandboxOwner } from '../service.ts'
import { enforce } from './enforce.ts'
import { checkOwner } from './policies.ts'

/**
 * The policy of a running container, as its annotations have it now. Connections that it has go on.
 * @throws invalid, and nothing is changed
 */
export async function changeEgress(ctx: Context, owner: SandboxOwner): Promise<void> {
  const sandbox = ctx.live.get(owner.id)
  if (!sandbox?.ready) throw conflict(`container ${owner.name} is starting or stopping: change its policy when it runs`)
  checkOwner(
    owner,
    [...sandbox.endpoints.keys()].flatMap(id => ctx.registry.byId(id) ?? []),
  )
  const before = sandbox.owner
  sandbox.owner = { ...sandbox.owner, annotations: owner.annotations }
  try {
    await enforce(ctx, sandbox)
    if (!sandbox.embeddedDns && (await sandboxFiles(ctx, sandbox)).embeddedDns) {
      await listenDns(ctx, sandbox)
      sandbox.embeddedDns = true
    }
  } catch (error) {
    sandbox.owner = before
    await enforce(ctx, sandbox).catch(() => {})
    throw error
  }
}
