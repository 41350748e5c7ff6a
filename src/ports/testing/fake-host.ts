import type { Host, HostFacts, ResolverConfig } from '../host.ts'

/** A machine with everything, until the test says otherwise. */
export class FakeHost implements Host {
  readonly changed: Partial<HostFacts>
  resolverConfig: ResolverConfig = { nameservers: ['192.0.2.53'], search: ['example.test'], options: [] }

  constructor(changed: Partial<HostFacts> = {}) {
    this.changed = changed
  }

  facts(): HostFacts {
    return {
      hostname: 'fake-host',
      kernelVersion: '6.18.0',
      operatingSystem: 'Fake GNU/Linux 1',
      architecture: 'x86_64',
      osType: 'linux',
      cpus: 4,
      memoryBytes: 8 * 1024 ** 3,
      capabilities: ['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID'],
      apparmor: false,
      selinux: false,
      seccomp: true,
      bridgeNfIptables: false,
      ipv6: true,
      ...this.changed,
    }
  }

  resolvers(): ResolverConfig {
    return this.resolverConfig
  }

  async hostsFile(): Promise<string> {
    return '127.0.0.1\tlocalhost\n'
  }

  timezoneFile(): string | undefined {
    return undefined
  }
}
