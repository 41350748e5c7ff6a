import { invalid } from '#lib/errors.ts'
import type { OciSeccomp } from '#model/oci.ts'
import {
  AF_VSOCK,
  ALWAYS,
  BY_ARCHITECTURE,
  BY_CAPABILITY,
  ENOSYS,
  EPERM,
  NAMESPACE_FLAGS,
  PERSONALITIES,
} from './seccomp-data.ts'

type Rule = NonNullable<OciSeccomp['syscalls']>[number]
const ALLOW = 'SCMP_ACT_ALLOW'

/** The default profile for a process with `capabilities` (bounding set, with `CAP_`). */
export function defaultSeccomp(architecture: string, capabilities: readonly string[]): OciSeccomp {
  const arch = BY_ARCHITECTURE[uname(architecture)]
  const extra = capabilities.flatMap(capability => BY_CAPABILITY[capability] ?? [])
  const names = Array.from(new Set([...ALWAYS, ...(arch?.names ?? []), ...extra]))
  const syscalls: Rule[] = [
    { names, action: ALLOW },
    { names: ['socket'], action: ALLOW, args: [{ index: 0, value: AF_VSOCK, op: 'SCMP_CMP_NE' }] },
    ...PERSONALITIES.map((value): Rule => ({
      names: ['personality'],
      action: ALLOW,
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })),
  ]
  if (!capabilities.includes('CAP_SYS_ADMIN')) {
    // New namespaces are not for it; clone3 hides its flags behind a pointer, so libc is told to use clone.
    syscalls.push(
      {
        names: ['clone'],
        action: ALLOW,
        args: [{ index: 0, value: NAMESPACE_FLAGS, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    )
  }
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: EPERM,
    ...(arch ? { architectures: [...arch.abis] } : {}),
    syscalls,
  }
}

interface ProfileRule {
  name?: string
  names?: string[]
  action: string
  errnoRet?: number
  args?: { index: number; value: number; valueTwo?: number; op: string }[] | null
  includes?: Condition
  excludes?: Condition
}
interface Condition {
  caps?: string[]
  arches?: string[]
}
interface Profile {
  defaultAction?: string
  defaultErrnoRet?: number
  architectures?: string[] | null
  archMap?: { architecture: string; subArchitectures: string[] | null }[] | null
  flags?: string[]
  syscalls?: ProfileRule[] | null
}

const DOCKER_ARCH: Record<string, string> = { x86_64: 'amd64', aarch64: 'arm64' }

/** A user's profile (Docker's JSON format, conditions included) for this process. @throws invalid */
export function customSeccomp(json: string, architecture: string, capabilities: readonly string[]): OciSeccomp {
  let profile: Profile
  try {
    profile = JSON.parse(json) as Profile
  } catch (cause) {
    throw invalid('opening seccomp profile failed: the profile is not valid JSON', { cause })
  }
  if (typeof profile !== 'object' || profile === null || !profile.defaultAction) {
    throw invalid('opening seccomp profile failed: it has no defaultAction')
  }
  const machine = uname(architecture)
  const own = BY_ARCHITECTURE[machine]?.abis[0]
  const mapped = profile.archMap?.find(entry => entry.architecture === own)
  const architectures = mapped ? [mapped.architecture, ...(mapped.subArchitectures ?? [])] : profile.architectures
  const holds = (condition: Condition | undefined, every: boolean): boolean => {
    const caps = condition?.caps ?? []
    const arches = condition?.arches ?? []
    const isArch = arches.includes(DOCKER_ARCH[machine] ?? machine)
    if (every) return caps.every(cap => capabilities.includes(cap)) && (arches.length === 0 || isArch)
    return caps.some(cap => capabilities.includes(cap)) || isArch
  }
  const syscalls = (profile.syscalls ?? [])
    .filter(rule => holds(rule.includes, true) && !holds(rule.excludes, false))
    .map((rule): Rule => ({
      names: rule.names ?? (rule.name ? [rule.name] : []),
      action: rule.action,
      ...(rule.errnoRet === undefined ? {} : { errnoRet: rule.errnoRet }),
      ...(rule.args && rule.args.length > 0 ? { args: rule.args } : {}),
    }))
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet === undefined ? {} : { defaultErrnoRet: profile.defaultErrnoRet }),
    ...(architectures && architectures.length > 0 ? { architectures } : {}),
    ...(profile.flags ? { flags: profile.flags } : {}),
    syscalls,
  }
}

/** The kernel's own word for an architecture that may be given in Go's. */
function uname(architecture: string): string {
  return { amd64: 'x86_64', x64: 'x86_64', arm64: 'aarch64' }[architecture] ?? architecture
}
