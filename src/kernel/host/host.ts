import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { arch, cpus, hostname, release, totalmem } from 'node:os'
import type { Host, HostFacts, ResolverConfig } from '#ports/host.ts'
import { CAPABILITIES } from './capabilities.ts'
import { isStub, parseResolvConf, RESOLVED_UPSTREAMS } from './resolvers.ts'

export class KernelHost implements Host {
  #facts: HostFacts | undefined

  facts(): HostFacts {
    return (this.#facts ??= readFacts())
  }

  resolvers(): ResolverConfig {
    const config = parseResolvConf(read('/etc/resolv.conf'))
    if (!isStub(config) || !existsSync(RESOLVED_UPSTREAMS)) return config
    const upstream = parseResolvConf(read(RESOLVED_UPSTREAMS))
    return upstream.nameservers.length > 0 ? { ...upstream, options: config.options } : config
  }

  async hostsFile(): Promise<string> {
    try {
      return await readFile('/etc/hosts', 'utf8')
    } catch {
      return '127.0.0.1\tlocalhost\n'
    }
  }

  timezoneFile(): string | undefined {
    try {
      return realpathSync('/etc/localtime')
    } catch {
      return undefined
    }
  }
}

function readFacts(): HostFacts {
  const lsm = read('/sys/kernel/security/lsm').trim().split(',')
  return {
    hostname: hostname(),
    kernelVersion: release(),
    operatingSystem: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(read('/etc/os-release'))?.[1] ?? 'Linux',
    architecture: ARCHITECTURES[arch()] ?? arch(),
    osType: 'linux',
    cpus: cpus().length,
    memoryBytes: totalmem(),
    capabilities: CAPABILITIES.slice(0, lastCapability() + 1).filter((_name, bit) => mayGive(bit)),
    apparmor: read('/sys/module/apparmor/parameters/enabled').startsWith('Y'),
    selinux: lsm.includes('selinux') && existsSync('/sys/fs/selinux/enforce'),
    seccomp: /^Seccomp_filters?:|^Seccomp:/m.test(read('/proc/self/status')),
    bridgeNfIptables: read('/proc/sys/net/bridge/bridge-nf-call-iptables').trim() === '1',
    ipv6: existsSync('/proc/net/if_inet6') && read('/proc/sys/net/ipv6/conf/all/disable_ipv6').trim() !== '1',
  }
}

/** As `uname -m` says it, which is what Docker reports. */
const ARCHITECTURES: Record<string, string> = {
  x64: 'x86_64',
  arm64: 'aarch64',
  ia32: 'i686',
  arm: 'armv7l',
  ppc64: 'ppc64le',
  riscv64: 'riscv64',
  s390x: 's390x',
}

function lastCapability(): number {
  const text = read('/proc/sys/kernel/cap_last_cap').trim()
  return text === '' ? CAPABILITIES.length - 1 : Number(text)
}

/** The daemon may itself live in a container that lacks some: it cannot hand those on (capabilities(7), CapBnd). */
function mayGive(capability: number): boolean {
  const bound = /^CapBnd:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status'))?.[1]
  return bound === undefined || ((BigInt(`0x${bound}`) >> BigInt(capability)) & 1n) === 1n
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
