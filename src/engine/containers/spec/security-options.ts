import { invalid, notImplemented } from '#lib/errors.ts'

export interface SecurityOptions {
  noNewPrivileges: boolean
  /** 'default', 'unconfined' or a profile's JSON. */
  seccomp: string
  /** '' when the kernel has none, or it is unconfined. */
  apparmorProfile: string
  /** `systempaths=unconfined`: nothing is masked or read-only. */
  unmasked: boolean
  writableCgroups: boolean
}

/** Parses `--security-opt`. @throws invalid in Docker's words */
export function parseSecurityOptions(
  options: readonly string[],
  facts: { apparmor: boolean; selinux: boolean },
): SecurityOptions {
  const parsed: SecurityOptions = {
    noNewPrivileges: false,
    seccomp: 'default',
    apparmorProfile: '',
    unmasked: false,
    writableCgroups: false,
  }
  for (const option of options) {
    if (option === 'no-new-privileges') parsed.noNewPrivileges = true
    else if (option === 'disable') continue
    else {
      // Old clients write `key:value`.
      const separator = /[=:]/.exec(option)
      if (!separator) throw invalid(`invalid --security-opt 1: "${option}"`)
      apply(parsed, option.slice(0, separator.index), option.slice(separator.index + 1), facts)
    }
  }
  return parsed
}

function apply(
  parsed: SecurityOptions,
  key: string,
  value: string,
  facts: { apparmor: boolean; selinux: boolean },
): void {
  switch (key) {
    case 'no-new-privileges':
      if (value !== 'true' && value !== 'false') throw invalid(`invalid --security-opt 2: "${key}=${value}"`)
      parsed.noNewPrivileges = value === 'true'
      return
    case 'seccomp':
      parsed.seccomp = value === 'builtin' ? 'default' : value
      return
    case 'apparmor':
      if (value === 'unconfined') return
      if (!facts.apparmor) {
        throw invalid(
          `AppArmor is not available on this host, so the profile "${value}" cannot be enforced: use apparmor=unconfined`,
        )
      }
      parsed.apparmorProfile = value
      return
    case 'label':
      // As Docker without SELinux: accepted, without effect.
      if (facts.selinux && value !== 'disable') {
        throw notImplemented(`SELinux label "${value}" cannot be set: use label=disable`)
      }
      return
    case 'systempaths':
      if (value !== 'unconfined') throw invalid(`invalid --security-opt 2: "${key}=${value}"`)
      parsed.unmasked = true
      return
    case 'writable-cgroups':
      parsed.writableCgroups = value === 'true'
      return
    default:
      throw invalid(`invalid --security-opt 2: "${key}=${value}"`)
  }
}
