import type { ContainerRecord } from '#model/container.ts'
import type { OciProcess } from '#model/oci.ts'
import type { Context } from '../context.ts'
import { lookUpUser } from '../run/specify.ts'
import { capabilitySet, processCapabilities } from '../spec/capabilities.ts'
import { containerEnv, execEnv } from '../spec/environment.ts'
import { rlimits } from '../spec/rlimits.ts'
import { parseSecurityOptions } from '../spec/security-options.ts'

export interface ExecProcess {
  command: string[]
  env: string[]
  user: string
  workingDir: string
  privileged: boolean
  tty: boolean
  consoleSize: [number, number] | null
}

/** The OCI process of an exec: the container's own identity and bounds, with what the request changes. */
export async function execProcess(ctx: Context, record: ContainerRecord, request: ExecProcess): Promise<OciProcess> {
  const { config, hostConfig } = record
  const rootfs = await ctx.images.mountRootfs(record.snapshotKey)
  const groupAdd = request.user ? [] : (hostConfig.GroupAdd ?? [])
  const user = await lookUpUser(ctx, rootfs, request.user || config.User, groupAdd)
  const facts = ctx.host.facts()
  const security = parseSecurityOptions(hostConfig.SecurityOpt ?? [], facts)
  const capabilities = capabilitySet({
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
    privileged: hostConfig.Privileged || request.privileged,
    known: facts.capabilities,
  })
  // The container's HOME belongs to its user; another user has another one.
  const base = containerEnv({ Env: config.Env, Tty: false }, config.Hostname, '').filter(entry => entry !== 'HOME=')
  const [height, width] = request.consoleSize ?? [0, 0]
  return {
    terminal: request.tty,
    ...(request.tty && height > 0 && width > 0 ? { consoleSize: { height, width } } : {}),
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length > 0 ? { additionalGids: user.additionalGids } : {}),
    },
    args: request.command,
    env: execEnv(base, request.env, request.tty, user.home),
    cwd: request.workingDir || config.WorkingDir || '/',
    capabilities: processCapabilities(capabilities),
    ...((hostConfig.Ulimits?.length ?? 0) > 0 ? { rlimits: rlimits(hostConfig.Ulimits ?? []) } : {}),
    noNewPrivileges: request.privileged ? false : security.noNewPrivileges,
    ...(security.apparmorProfile && !request.privileged ? { apparmorProfile: security.apparmorProfile } : {}),
  }
}
