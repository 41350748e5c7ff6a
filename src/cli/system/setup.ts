import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync } from 'node:fs'
import { CliError, defineCommand } from '../core/command.ts'
import { confirm } from '../core/confirm.ts'

interface Need {
  package: string
  why: string
  present: () => boolean
}

const INSTALLER = 'apt-get'

const PATHS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

function hasProgram(name: string): boolean {
  return PATHS.some(directory => {
    try {
      accessSync(`${directory}/${name}`, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function hasLibrary(prefix: string): boolean {
  const directories = ['/usr/lib', '/lib', '/usr/lib64', '/usr/local/lib']
  const triplets = existsSync('/usr/lib') ? readdirSync('/usr/lib').filter(name => name.endsWith('-linux-gnu')) : []
  return [...directories, ...triplets.map(name => `/usr/lib/${name}`)].some(
    directory => existsSync(directory) && readdirSync(directory).some(name => name.startsWith(prefix)),
  )
}

/** What Berth stands on, by its Debian package. */
export const NEEDS: readonly Need[] = [
  {
    package: 'crun',
    why: 'starts the processes of containers',
    present: () => hasProgram('crun') || hasProgram('runc'),
  },
  { package: 'conmon', why: 'keeps containers when the daemon goes', present: () => hasProgram('conmon') },
  {
    package: 'libnftables1',
    why: 'packet filter and address translation',
    present: () => hasLibrary('libnftables.so'),
  },
  { package: 'nftables', why: 'shows what the packet filter holds', present: () => hasProgram('nft') },
  { package: 'tcpdump', why: '`network capture`', present: () => hasProgram('tcpdump') },
  { package: 'catatonit', why: '`--init`', present: () => ['catatonit', 'tini', 'docker-init'].some(hasProgram) },
  {
    package: 'mmdebstrap',
    why: '`image bootstrap debian:…`',
    present: () => hasProgram('mmdebstrap'),
  },
  { package: 'e2fsprogs', why: 'volumes with size=', present: () => hasProgram('mkfs.ext4') },
  { package: 'btrfs-progs', why: 'volumes with compress=', present: () => hasProgram('mkfs.btrfs') },
  { package: 'busybox-static', why: '`image bootstrap busybox`', present: () => hasProgram('busybox') },
]

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: `Install the host packages that Berth stands on

Lists what is missing on this machine and installs it with apt-get after asking.`,
  flags: {
    check: { type: 'bool', help: 'Only list what is missing; the exit code is 1 if anything is' },
    yes: { type: 'bool', short: 'y', help: 'Install without asking' },
  },
  async run(context, { flags }) {
    const missing = NEEDS.filter(need => !need.present())
    for (const need of NEEDS) {
      const state = missing.includes(need) ? 'missing' : 'present'
      context.print(`${state.padEnd(9)}${need.package.padEnd(16)}${need.why}`)
    }
    if (missing.length === 0) return 0
    if (flags.check) return 1
    const packages = missing.map(need => need.package)
    if (!hasProgram(INSTALLER)) {
      throw new CliError(`apt-get is not here: install with your package manager: ${packages.join(' ')}`)
    }
    if (process.getuid?.() !== 0) throw new CliError('installing packages needs root: run `sudo berth setup`')
    if (!flags.yes && !(await confirm(context, `Install ${packages.join(' ')}?`))) return 1
    const install = ['install', '--yes', '--no-install-recommends', ...packages]
    // A fresh machine has no package lists yet: then they are fetched and the installation tried once more.
    if ((await apt(install)) === 0) return 0
    if ((await apt(['update'])) !== 0) throw new CliError('apt-get update failed, see above')
    if ((await apt(install)) !== 0) throw new CliError('apt-get install failed, see above')
    return 0
  },
})

function apt(args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const child = spawn(INSTALLER, args, { stdio: ['ignore', 'inherit', 'inherit'], env })
    child.on('error', reject)
    child.on('exit', code => resolve(code ?? 1))
  })
}
