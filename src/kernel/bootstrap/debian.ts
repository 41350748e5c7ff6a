import { spawn } from 'node:child_process'
import { lstat, readFile, readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { PassThrough } from 'node:stream'
import { invalid, notFound, system } from '#lib/errors.ts'
import { parseSources, sourcesFor } from './apt-sources.ts'
import { relativePath } from './copy.ts'
import { PATH_ENV, lastLine, missing } from './run.ts'
import type { BootstrapRequest, Bootstrapped } from '#ports/bootstrap.ts'
import type { Readable } from 'node:stream'

/** Exits 101, "action forbidden": no service is started by a package's installation in a build. */
const POLICY = '#!/bin/sh\nexit 101\n'
const SLIM = ['/usr/share/doc/*', '/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*']

/** A minimal Debian or Ubuntu by mmdebstrap; apt checks the signatures with the host's keyrings. */
export async function debian(
  name: string,
  suite: string,
  request: BootstrapRequest,
  onProgress: (line: string) => void,
): Promise<Bootstrapped> {
  const codename = suite === 'latest' ? 'stable' : suite
  if (!/^[a-z][a-z0-9-]*$/.test(codename)) throw invalid(`invalid ${name} suite "${suite}": give its code name`)
  for (const item of request.include ?? []) {
    if (!/^[a-z0-9][a-z0-9+.:~=_-]*$/i.test(item)) throw invalid(`invalid package name "${item}"`)
  }
  const lines = await hostSources(name, codename)
  if (lines.length === 0) throw notFound(`no apt source of this host serves ${name}:${suite}: add one to /etc/apt`)
  const args = ['--variant=minbase', '--format=tar', '--mode=root']
  if (request.include?.length) args.push(`--include=${request.include.join(',')}`)
  args.push('--aptopt=Acquire::Languages "none"', '--dpkgopt=force-unsafe-io')
  // mmdebstrap would take its own policy away at the end; ours comes before any package with a service.
  args.push('--skip=chroot/policy-rc.d', `--essential-hook=${policyHook()}`)
  if (request.image.endsWith('-slim')) {
    args.push(...SLIM.map(path => `--dpkgopt=path-exclude=${path}`))
    args.push('--dpkgopt=path-include=/usr/share/doc/*/copyright')
  }
  for (const hook of [...(await copyHooks(request)), ...(request.setup ?? []).map(inside)]) {
    args.push(`--customize-hook=${hook}`)
  }
  return {
    rootfs: stream([...args, codename, '-', ...lines], request.signal, onProgress),
    env: [PATH_ENV],
    cmd: ['bash'],
    created: new Date().toISOString(),
    createdBy: `mmdebstrap --variant=minbase ${codename}`,
  }
}

async function hostSources(distribution: string, suite: string): Promise<string[]> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  // Only a mirror of the same distribution can be expected to have its other suites.
  const isSame = /^ID="?(\w+)"?$/m.exec(release)?.[1] === distribution
  const hostSuite = isSame ? (/^VERSION_CODENAME="?(\w+)"?$/m.exec(release)?.[1] ?? '') : ''
  const names = await readdir('/etc/apt/sources.list.d').catch(() => [] as string[])
  const files = names.filter(name => /\.(list|sources)$/.test(name)).map(name => `/etc/apt/sources.list.d/${name}`)
  const texts = await Promise.all(['/etc/apt/sources.list', ...files].map(f => readFile(f, 'utf8').catch(() => '')))
  return sourcesFor(suite, hostSuite, texts.flatMap(parseSources))
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
/** A line run in the new root, whose absolute symlinks then cannot lead back to the host. */
const inside = (line: string) => `chroot "$1" sh -ec ${quote(line)}`

function policyHook(): string {
  return `printf ${quote(POLICY.replaceAll('\n', '\\n'))} | ${inside(
    'cat > /usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d',
  )}`
}

async function copyHooks(request: BootstrapRequest): Promise<string[]> {
  const hooks: string[] = []
  for (const { hostPath, imagePath } of request.copy ?? []) {
    const target = quote(`/${relativePath(imagePath)}`)
    const stat = await lstat(hostPath).catch((cause: unknown) => {
      throw notFound(`cannot copy ${hostPath} into the image: no such file`, { cause })
    })
    if (stat.isDirectory()) {
      const tar = `tar --create --owner=0 --group=0 --directory ${quote(hostPath)} .`
      hooks.push(`${tar} | ${inside(`mkdir -p ${target} && tar --extract --directory ${target}`)}`)
    } else if (stat.isFile()) {
      const mode = (stat.mode & 0o7777).toString(8)
      const write = `mkdir -p "$(dirname ${target})" && cat > ${target} && chmod ${mode} ${target}`
      hooks.push(`${inside(write)} < ${quote(hostPath)}`)
    } else throw invalid(`cannot copy ${basename(hostPath)} into the image: neither file nor directory`)
  }
  return hooks
}

/** The tool's tar; fails unless the tool succeeds. Destroying it ends the tool, which removes what it made. */
function stream(args: string[], signal: AbortSignal | undefined, onProgress: (line: string) => void): Readable {
  const output = new PassThrough()
  // A group of its own, so that apt and dpkg end with it.
  const child = spawn('mmdebstrap', args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const stop = () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      process.kill(-child.pid, 'SIGTERM')
    }
  }
  const onAbort = () => output.destroy(signal!.reason as Error)
  if (signal?.aborted) queueMicrotask(onAbort)
  signal?.addEventListener('abort', onAbort, { once: true })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4096)
    for (const line of text.split(/[\r\n]+/).filter(isNews)) onProgress(line.slice(3))
  })
  child.stdout.pipe(output, { end: false })
  child.once('error', error => {
    output.destroy('code' in error && error.code === 'ENOENT' ? missing('mmdebstrap') : error)
  })
  child.once('close', code => {
    if (code === 0) output.end()
    else output.destroy(system(`mmdebstrap failed: ${errorLine(words)}`, { details: { output: words } }))
  })
  output.once('close', () => {
    signal?.removeEventListener('abort', onAbort)
    stop()
  })
  return output
}

/** Stages and complaints, without the tool's talk of its own doings. */
function isNews(line: string): boolean {
  return (
    /^[EW]: /.test(line) || /^I: (?!running --|skipping |using |removing |finding |chroot arch|success )/.test(line)
  )
}

/** The first error that apt or mmdebstrap named; the last line is often only "apt-get failed". */
function errorLine(words: string): string {
  return /^E: .*$/m.exec(words)?.[0].slice(3) ?? lastLine(words)
}
