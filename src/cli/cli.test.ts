import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { join } from 'node:path'
import test from 'node:test'
import { candidates, type Candidate } from './system/complete.ts'
import { fakeDaemon, frame, UPGRADED } from './testing/fake-daemon.ts'
import { root } from './root.ts'

const ID = 'f'.repeat(64)

/** Routes of a daemon on which one container lives; `finish` lets it exit. */
function oneContainer(run: (socket: Duplex, exit: (code: number) => void) => void) {
  let attached: Duplex | undefined
  let waiting: ServerResponse | undefined
  const bodies: Record<string, unknown>[] = []
  const routes = {
    'POST /containers/create': (_request: unknown, response: ServerResponse, body: string) => {
      bodies.push(JSON.parse(body) as Record<string, unknown>)
      response.writeHead(201)
      response.end(JSON.stringify({ Id: ID, Warnings: [] }))
    },
    [`POST /containers/${ID}/wait`]: (_request: unknown, response: ServerResponse) => {
      response.flushHeaders()
      waiting = response
    },
    [`POST /containers/${ID}/start`]: (_request: unknown, response: ServerResponse) => {
      response.writeHead(204)
      response.end()
      if (attached) run(attached, code => waiting!.end(`{"StatusCode":${code}}\n`))
    },
  }
  const upgrades = {
    [`POST /containers/${ID}/attach`]: (socket: Duplex) => {
      attached = socket
      socket.on('error', () => {})
      socket.write(UPGRADED)
    },
  }
  return { routes, upgrades, bodies }
}

test('run: attaches and waits before it starts; splits the streams; ends with the exit code', async t => {
  const { routes, upgrades, bodies } = oneContainer((socket, exit) => {
    socket.write(frame(1, 'to stdout\n'))
    socket.end(frame(2, 'to stderr\n'))
    exit(7)
  })
  const daemon = await fakeDaemon(t, routes, upgrades)
  const result = await daemon.berth(['run', '--rm', '-e', 'A=1', 'img', 'cmd', '-e', 'not-ours'])
  assert.deepEqual(result, { code: 7, stdout: 'to stdout\n', stderr: 'to stderr\n' })
  assert.equal(daemon.seen[0], 'POST /containers/create')
  assert.deepEqual(daemon.seen.slice(1, 3).sort(), [`POST /containers/${ID}/attach`, `POST /containers/${ID}/wait`])
  assert.equal(daemon.seen[3], `POST /containers/${ID}/start`)
  assert.deepEqual(bodies[0]!['Cmd'], ['cmd', '-e', 'not-ours'])
})

test('run -i: 20 MB on stdin come back byte for byte, though the daemon reads slowly', async t => {
  const hash = createHash('sha256')
  const { routes, upgrades } = oneContainer((socket, exit) => {
    socket.on('data', (chunk: Buffer) => {
      hash.update(chunk)
      socket.pause()
      setImmediate(() => socket.resume())
    })
    socket.on('end', () => {
      socket.end(frame(1, hash.digest('hex')))
      exit(0)
    })
  })
  const daemon = await fakeDaemon(t, routes, upgrades)
  const input = randomBytes(20_000_000)
  const { code, stdout } = await daemon.berth(['run', '-i', 'img', 'sha'], { input })
  assert.equal(code, 0)
  assert.equal(stdout, createHash('sha256').update(input).digest('hex'))
})

test('run: a missing image is pulled with the credentials of the user, progress on stderr', async t => {
  let auth = ''
  let pulled = false
  const { routes, upgrades } = oneContainer((socket, exit) => {
    socket.end(frame(1, 'ran\n'))
    exit(0)
  })
  const create = routes['POST /containers/create']!
  const daemon = await fakeDaemon(
    t,
    {
      ...routes,
      'POST /containers/create': (request, response, body) => {
        if (pulled) return create(request, response, body)
        response.writeHead(404)
        response.end('{"message":"No such image: r.example:5000/app:latest"}')
      },
      'POST /images/create': (request, response) => {
        pulled = true
        auth = String(request.headers['x-registry-auth'])
        response.end(
          '{"status":"Pulling from app","id":"latest"}\n{"status":"Downloading","id":"a","progressDetail":{"current":1,"total":2}}\n{"status":"Pull complete","id":"a","progressDetail":{}}\n',
        )
      },
    },
    upgrades,
  )
  writeFileSync(join(daemon.directory, 'config.json'), '{"credHelpers":{"r.example:5000":"fake"}}')
  const helper = join(daemon.directory, 'docker-credential-fake')
  writeFileSync(helper, '#!/bin/sh\nread server\necho "{\\"Username\\":\\"u\\",\\"Secret\\":\\"for $server\\"}"\n')
  chmodSync(helper, 0o755)
  const env = { PATH: `${daemon.directory}:${process.env['PATH']}` }
  const result = await daemon.berth(['run', 'r.example:5000/app'], { env })
  assert.equal(result.code, 0)
  assert.equal(result.stdout, 'ran\n')
  assert.equal(
    result.stderr,
    "Unable to find image 'r.example:5000/app:latest' locally\nlatest: Pulling from app\na: Pull complete\n",
  )
  const decoded = JSON.parse(Buffer.from(auth, 'base64url').toString()) as Record<string, string>
  assert.deepEqual([decoded['username'], decoded['password']], ['u', 'for r.example:5000'])
})

test('run: refusals of the daemon are 125, 126 and 127', async t => {
  let message = ''
  const { routes, upgrades } = oneContainer(() => {})
  const daemon = await fakeDaemon(
    t,
    {
      ...routes,
      [`POST /containers/${ID}/start`]: (_request, response) => {
        response.writeHead(message.includes('port') ? 500 : 400)
        response.end(JSON.stringify({ message }))
      },
    },
    upgrades,
  )
  const expected: [string, number][] = [
    ['exec: "x": executable file not found in $PATH', 127],
    ['exec: "/etc": permission denied', 126],
    ['port is already allocated', 125],
  ]
  for (const [text, code] of expected) {
    message = text
    const result = await daemon.berth(['run', 'img'])
    assert.equal(result.code, code)
    assert.equal(
      result.stderr,
      `berth: Error response from daemon: ${text}\n\nRun 'berth run --help' for more information\n`,
    )
  }
})

test("exec: the command's exit code, streams apart", async t => {
  const daemon = await fakeDaemon(
    t,
    {
      'POST /containers/c/exec': (_request, response, body) => {
        assert.deepEqual((JSON.parse(body) as { Cmd: string[] }).Cmd, ['sh', '-c', 'x'])
        response.end('{"Id":"e1"}')
      },
      'GET /exec/e1/json': (_request, response) => response.end('{"ExitCode":3,"Running":false}'),
    },
    {
      'POST /exec/e1/start': socket => socket.end(Buffer.concat([Buffer.from(UPGRADED), frame(2, 'e'), frame(1, 'o')])),
    },
  )
  assert.deepEqual(await daemon.berth(['exec', 'c', 'sh', '-c', 'x']), { code: 3, stdout: 'o', stderr: 'e' })
})

test('many names: what works is done and printed in order, what fails is told at the end', async t => {
  const daemon = await fakeDaemon(t, {
    'POST /containers/a/stop': (_request, response) => setTimeout(() => response.writeHead(204).end(), 30),
    'POST /containers/b/stop': (_request, response) => response.writeHead(304).end(),
  })
  const result = await daemon.berth(['stop', '-t', '1', 'a', 'nosuch', 'b'])
  assert.equal(result.code, 1)
  assert.equal(result.stdout, 'a\nb\n')
  assert.match(result.stderr, /^Error response from daemon: no such thing: POST \/containers\/nosuch\/stop\n$/)
})

test('inspect: finds any kind of object, prints what exists and fails for the rest', async t => {
  const daemon = await fakeDaemon(t, {
    'GET /networks/n': (_request, response) => response.end('{"Name":"n","Driver":"bridge"}'),
    'GET /volumes/v': (_request, response) => response.end('{"Name":"v"}'),
  })
  const result = await daemon.berth(['inspect', '-f', '{{.Name}}', 'v', 'nosuch', 'n'])
  assert.deepEqual(result, { code: 1, stdout: 'v\nn\n', stderr: 'Error: No such object: nosuch\n' })
})

test('login keeps other settings; logout forgets', async t => {
  const daemon = await fakeDaemon(t, {
    'POST /auth': (_request, response, body) => {
      const { password } = JSON.parse(body) as { password: string }
      if (password !== 'secret') response.writeHead(401)
      response.end(
        password === 'secret' ? '{"Status":"Login Succeeded","IdentityToken":""}' : '{"message":"unauthorized"}',
      )
    },
  })
  const path = join(daemon.directory, 'config.json')
  writeFileSync(path, '{"psFormat":"x","auths":{}}')
  const login = (input: string) => daemon.berth(['login', '-u', 'me', '--password-stdin', 'reg.example'], { input })
  assert.equal((await login('wrong')).code, 1)
  const result = await login('secret\n')
  assert.equal(result.code, 0)
  assert.equal(result.stdout, 'Login Succeeded\n')
  const saved = JSON.parse(readFileSync(path, 'utf8')) as { psFormat: string; auths: Record<string, { auth: string }> }
  assert.equal(saved.psFormat, 'x')
  assert.equal(Buffer.from(saved.auths['reg.example']!.auth, 'base64').toString(), 'me:secret')
  assert.equal((await daemon.berth(['logout', 'reg.example'])).code, 0)
  assert.deepEqual((JSON.parse(readFileSync(path, 'utf8')) as { auths: unknown }).auths, {})
})

test('save -o leaves no half file behind', async t => {
  const daemon = await fakeDaemon(t, {
    'GET /images/get': (_request, response) => {
      response.write('half')
      setTimeout(() => response.destroy(), 20)
    },
  })
  const out = join(daemon.directory, 'out.tar')
  assert.equal((await daemon.berth(['save', '-o', out, 'img'])).code, 1)
  assert.equal(existsSync(out), false)
})

test('no daemon: one clear line, no stack, and none is started for a host that was asked for', async t => {
  const daemon = await fakeDaemon(t, {})
  const result = await daemon.berth(['ps'], { env: { BERTH_HOST: 'unix:///nonexistent/x.sock' } })
  assert.deepEqual(result, {
    code: 1,
    stdout: '',
    stderr: 'cannot connect to the daemon at unix:///nonexistent/x.sock: is it running?\n',
  })
})

test('a typo is met with a suggestion', async t => {
  const daemon = await fakeDaemon(t, {})
  const { code, stderr } = await daemon.berth(['container', 'lss'])
  assert.equal(code, 1)
  assert.match(stderr, /^berth: unknown command: berth container lss\n\nDid you mean this\?\n {2}berth container ls\n/)
})

test('completion: commands, flags, values and names', async () => {
  const lookup = async (kind: unknown): Promise<Candidate[]> => [[`a-${String(kind)}`, '']]
  const complete = async (line: string) => (await candidates(root, line.split(' '), lookup)).map(([value]) => value)
  assert.deepEqual(await complete('unp'), ['unpause'])
  assert.deepEqual(await complete('network conn'), ['connect'])
  assert.deepEqual(await complete('-H x contai'), ['container'])
  assert.deepEqual(await complete('run --net'), ['--network', '--network-alias'])
  assert.deepEqual(await complete('run --network '), ['a-network'])
  assert.deepEqual(await complete('run --pull='), ['--pull=always', '--pull=missing', '--pull=never'])
  assert.deepEqual(await complete('run -it '), ['a-image'])
  assert.deepEqual(await complete('run img '), [])
  assert.deepEqual(await complete('volume rm x '), ['a-volume'])
  assert.deepEqual(await complete('load -i '), [':files'])
  assert.deepEqual(await complete('rename a b '), [])
})
