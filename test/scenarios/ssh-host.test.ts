/** `-H ssh://…` for the whole command line, and Docker's own client against Berth through its ssh://. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { EngineClient } from '#client/index.ts'
import { logged, started } from '../support/containers.ts'
import { dockerClient, TestDaemon } from '../support/daemon.ts'
import { SshServer, sshdHere } from '../support/ssh-server.ts'
import { commandOf, until } from '../support/tools.ts'

const skip = sshdHere ? false : 'no sshd here'
const daemon = new TestDaemon()
const bin = join(daemon.directory, 'bin')
/** Of the commands; nothing of theirs stays in it. */
const temporary = join(daemon.directory, 'tmp')
let server: SshServer

/** A `berth` for the far side's PATH, which knows the daemon's socket. */
function install(name: string): void {
  const words = commandOf('berth').map(word => `'${word}'`)
  const script = `#!/bin/sh\nBERTH_HOST=\${BERTH_HOST-unix://${daemon.socket}}\nexport BERTH_HOST\nexec ${words.join(' ')} "$@"\n`
  writeFileSync(join(bin, name), script)
  chmodSync(join(bin, name), 0o755)
}

before(async () => {
  if (skip) return
  mkdirSync(bin)
  mkdirSync(temporary)
  for (const tool of ['sh', 'sleep']) symlinkSync(`/bin/${tool}`, join(bin, tool))
  install('berth')
  server = await SshServer.start({ environment: { PATH: bin } })
  await daemon.start()
  await daemon.loadBusybox()
})
after(async () => {
  if (skip) return
  await server.dispose()
  await daemon.dispose()
})

const url = (path = '') => server.url(path)

async function berth(args: string[], options: { input?: string; ssh?: string; host?: string } = {}) {
  const [file, ...head] = commandOf('berth')
  const env = {
    ...process.env,
    BERTH_HOST: options.host ?? url(),
    BERTH_SSH: options.ssh ?? server.command,
    TMPDIR: temporary,
  }
  const child = spawn(file!, [...head, ...args], { env, stdio: ['pipe', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', chunk => (stdout += String(chunk)))
  child.stderr.on('data', chunk => (stderr += String(chunk)))
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

/** Processes whose command line names this test's directories: ssh of ours, and what runs at its far end. */
function processes(): string[] {
  const found: string[] = []
  for (const pid of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    try {
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      const dials = words.includes('dial-stdio') && readFileSync(`/proc/${pid}/environ`, 'utf8').includes(bin)
      if (dials || words.includes(server.config)) found.push(`${pid} ${words.join(' ')}`)
    } catch {
      // Ended meanwhile.
    }
  }
  return found
}
const nothingLeft = async () => {
  await until('ssh processes end', () => (processes().length === 0 ? true : undefined), 20_000)
  await until('directories go', () => (readdirSync(temporary).length === 0 ? true : undefined), 20_000)
}

test('commands, attached and detached streams, stdin with its end, exit codes', { skip }, async () => {
  assert.equal((await berth(['version', '--format', '{{.Server.Platform.Name}}'])).code, 0)
  const ran = await berth(['run', '--rm', '-i', 'busybox', 'sh', '-c', 'wc -c; echo oops >&2; exit 7'], {
    input: 'x'.repeat(300_000),
  })
  assert.deepEqual(ran, { code: 7, stdout: '300000\n', stderr: 'oops\n' })
  await started(daemon, 'there', ['sleep', '1000'])
  assert.equal((await berth(['exec', '-i', 'there', 'cat'], { input: 'to and fro' })).stdout, 'to and fro')
  await nothingLeft()
})

test('a named socket, a host of the wire only, and Docker’s own dial-stdio', { skip }, async () => {
  assert.equal((await berth(['ps', '-q'], { host: url(daemon.socket) })).code, 0)
  const wrong = await berth(['ps', '-q'], { host: url('/nonexistent.sock') })
  assert.match(wrong.stderr, /cannot connect to ssh:.*cannot connect to the daemon at unix:\/\/\/nonexistent\.sock/)
  rmSync(join(bin, 'berth'))
  try {
    const none = await berth(['ps'])
    assert.match(none.stderr, /neither berth nor docker is in the PATH there: install berth on that host/)
    install('docker')
    assert.equal((await berth(['ps', '-q'])).code, 0)
    if (!dockerClient) return
    // Docker's client has no setting for the ssh command: an ssh of the test's stands first in its PATH.
    const own = join(daemon.directory, 'own')
    mkdirSync(own)
    writeFileSync(join(own, 'ssh'), `#!/bin/sh\nexec /usr/bin/${server.command} "$@"\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${own}:${process.env['PATH']}`, DOCKER_HOST: url().replace(/\/$/, '') }
    const docker = spawnSync('docker', ['run', '--rm', '-i', 'busybox', 'cat'], { env, input: 'by docker' })
    assert.equal(String(docker.stdout), 'by docker', String(docker.stderr))
  } finally {
    rmSync(join(bin, 'docker'), { force: true })
    install('berth')
  }
})

test('what is wrong is said in words of ssh', { skip }, async () => {
  const nobody = await berth(['ps'], { ssh: `${server.command} -o ConnectTimeout=2`, host: `ssh://127.0.0.1:1` })
  assert.match(nobody.stderr, /cannot connect to ssh:\/\/127\.0\.0\.1:1: .*[Cc]onnection refused/)
  const stranger = await berth(['ps'], {
    ssh: `${server.command} -o IdentityFile=/nonexistent`,
    host: url().replace('root', 'nobody'),
  })
  assert.match(stranger.stderr, /[Pp]ermission denied.*use a key/)
  const unknown = await berth(['ps'], { ssh: `${server.command} -o UserKnownHostsFile=/dev/null` })
  assert.match(unknown.stderr, /[Hh]ost key verification failed.*accept the key/)
  const noSsh = await berth(['ps'], { ssh: '/nonexistent/ssh' })
  assert.match(noSsh.stderr, /\/nonexistent\/ssh is not here/)
  for (const [host, reason] of [
    ['ssh://a:b@c', /password/],
    ['ssh://-oProxyCommand=x', /dash/],
    ['ssh://', /host is empty/],
  ] as const) {
    assert.match((await berth(['ps'], { host })).stderr, reason)
  }
})

test('many requests at once share one connection; nothing is left when the client closes', { skip }, async () => {
  const client = new EngineClient(url(), { ssh: server.command })
  const answers = await Promise.all(Array.from({ length: 12 }, () => client.system.info()))
  assert.equal(answers.length, 12)
  const abort = new AbortController()
  const events = await client.events.stream({ signal: abort.signal })
  const made = events.next()
  await client.volumes.create({ Name: 'heard' })
  assert.equal((await made).value.Action, 'create')
  abort.abort()
  // The one that ended may have been the one that the others share.
  assert.equal((await client.volumes.inspect('heard')).Name, 'heard')
  client.close()
  await nothingLeft()
})

test('a client that is killed leaves no ssh behind', { skip }, async () => {
  const [file, ...head] = commandOf('berth')
  const env = { ...process.env, BERTH_HOST: url(), BERTH_SSH: server.command, TMPDIR: temporary }
  const child = spawn(
    file!,
    [...head, 'run', '--name', 'talker', 'busybox', 'sh', '-c', 'while :; do echo hi; sleep 0.2; done'],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  await once(child.stdout, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  child.stdout.destroy()
  await nothingLeft()
  assert.match(await logged(daemon, 'talker'), /hi/)
})
