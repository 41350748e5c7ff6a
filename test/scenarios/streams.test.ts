import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createCipheriv, createHash } from 'node:crypto'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { TestDaemon, dockerClient } from '../support/daemon.ts'
import { launch, ok, run, TOOLS } from '../support/tools.ts'

const MIB = 1 << 20

const daemon = new TestDaemon()
before(async () => {
  await daemon.start()
  await daemon.loadBusybox()
})
after(() => daemon.dispose())

/** Bytes that look random and are the same each time: AES-CTR of zeroes. */
function* noise(bytes: number): Generator<Buffer> {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16, 7), Buffer.alloc(16, 9))
  const zeroes = Buffer.alloc(64 << 10)
  for (let left = bytes; left > 0; left -= zeroes.length)
    yield cipher.update(zeroes.subarray(0, Math.min(left, zeroes.length)))
}

function digestOf(bytes: number): string {
  const hash = createHash('sha256')
  for (const chunk of noise(bytes)) hash.update(chunk)
  return hash.digest('hex')
}

for (const tool of TOOLS) {
  describe(
    `streams with ${tool}`,
    { skip: tool === 'docker' && !dockerClient && 'the docker client is not installed' },
    () => {
      test('run -i: 100 MB in through cat come back byte for byte', async () => {
        const bytes = 100 * MIB
        const child = launch(daemon, tool, ['run', '-i', '--rm', '--log-driver', 'none', 'busybox', 'cat'], {
          stdio: ['pipe', 'pipe', 'inherit'],
        })
        const hash = createHash('sha256')
        let received = 0
        const closed = once(child, 'close')
        child.stdout!.on('data', (chunk: Buffer) => {
          received += chunk.length
          hash.update(chunk)
        })
        await pipeline(Readable.from(noise(bytes)), child.stdin!)
        assert.deepEqual(await closed, [0, null])
        assert.equal(received, bytes)
        assert.equal(hash.digest('hex'), digestOf(bytes))
      })

      test('exec -i: 32 MB likewise', async () => {
        const bytes = 32 * MIB
        const name = `exec-${tool}`
        await ok(daemon, tool, ['run', '-d', '--name', name, 'busybox', 'sleep', '1000'])
        const child = launch(daemon, tool, ['exec', '-i', name, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
        const hash = createHash('sha256')
        const closed = once(child, 'close')
        child.stdout!.on('data', (chunk: Buffer) => hash.update(chunk))
        await pipeline(Readable.from(noise(bytes)), child.stdin!)
        assert.deepEqual(await closed, [0, null])
        assert.equal(hash.digest('hex'), digestOf(bytes))
        await ok(daemon, tool, ['rm', '-f', name])
      })

      test('64 MB to a slow reader are all there', async () => {
        const count = 64 * MIB
        const child = launch(
          daemon,
          tool,
          ['run', '--rm', 'busybox', 'sh', '-c', `yes 0123456789abcde | head -c ${count}`],
          { stdio: ['ignore', 'pipe', 'inherit'] },
        )
        const hash = createHash('sha256')
        let received = 0
        let pauses = 0
        for await (const chunk of child.stdout! as AsyncIterable<Buffer>) {
          hash.update(chunk)
          received += chunk.length
          // Stalls long enough for every buffer on the way to fill, several times.
          if (received > (pauses + 1) * 12 * MIB) {
            pauses++
            await sleep(150)
          }
        }
        assert.equal(received, count)
        const expected = createHash('sha256')
        const line = Buffer.from('0123456789abcde\n'.repeat(MIB / 16))
        for (let i = 0; i < 64; i++) expected.update(line)
        assert.equal(hash.digest('hex'), expected.digest('hex'))
      })

      test("stdout and stderr stay apart, and the exit code is the process's", async () => {
        const { code, stdout, stderr } = await run(daemon, tool, [
          'run',
          '--rm',
          'busybox',
          'sh',
          '-c',
          'echo out; echo err >&2; exit 7',
        ])
        assert.deepEqual([code, stdout, stderr], [7, 'out\n', 'err\n'])
      })

      test('stdin given to a process that does not read it', async () => {
        const { code, stdout } = await run(daemon, tool, ['run', '-i', '--rm', 'busybox', 'echo', 'done'], {
          input: Buffer.alloc(4 * MIB),
        })
        assert.deepEqual([code, stdout], [0, 'done\n'])
      })
    },
  )
}

test('the output of very short processes is never lost', async () => {
  const runs = dockerClient ? 120 : 0
  const one = async (i: number) => {
    const { code, stdout, stderr } = await run(daemon, 'docker', ['run', '--rm', 'busybox', 'echo', `run ${i}`])
    assert.deepEqual([code, stdout, stderr], [0, `run ${i}\n`, ''])
  }
  await inParallel(4, runs, one)
})

test('nor under load, through exec and the API', async () => {
  const burners = [1, 2, 3].map(() => spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }))
  try {
    await ok(daemon, 'berth', ['run', '-d', '--name', 'host', 'busybox', 'sleep', '1000'])
    await inParallel(4, 60, async i => {
      const { Id } = await daemon.client.containers.create({ Image: 'busybox', Cmd: ['echo', `api ${i}`] })
      const stream = await daemon.client.containers.attach(Id, { stdout: true, stderr: true })
      await daemon.client.containers.start(Id)
      let text = ''
      for await (const { data } of stream.frames()) text += data.toString()
      assert.equal(text, `api ${i}\n`)
      await daemon.client.containers.remove(Id, { force: true })
    })
    if (dockerClient) {
      await inParallel(4, 40, async i => {
        assert.equal(await ok(daemon, 'docker', ['exec', 'host', 'echo', `exec ${i}`]), `exec ${i}`)
      })
    }
  } finally {
    for (const burner of burners) burner.kill('SIGKILL')
    await daemon.client.containers.remove('host', { force: true })
  }
})

async function inParallel(width: number, count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

/** Reads lines that are 1, 2, 3, … and says where it is not so. @returns how many there were */
async function countUp(source: AsyncIterable<Buffer>, first = 1): Promise<number> {
  let expected = first
  let rest = ''
  for await (const chunk of source) {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!
    for (const line of lines) {
      if (line !== String(expected)) assert.fail(`line ${expected} is ${line}`)
      expected++
    }
  }
  assert.equal(rest, '')
  return expected - first
}

test(
  'a million log lines are neither lost nor reordered',
  { skip: !dockerClient && 'the docker client is not installed' },
  async () => {
    const lines = 1_000_000
    await ok(daemon, 'docker', [
      'run',
      '-d',
      '--name',
      'million',
      '--log-opt',
      'max-size=200m',
      'busybox',
      'seq',
      String(lines),
    ])
    // A reader that follows from the first line on, while they are written.
    const follower = launch(daemon, 'docker', ['logs', '-f', 'million'], { stdio: ['ignore', 'pipe', 'inherit'] })
    assert.equal(await countUp(follower.stdout! as AsyncIterable<Buffer>), lines)
    assert.equal(await ok(daemon, 'docker', ['wait', 'million']), '0')
    for (const tool of TOOLS) {
      const reader = launch(daemon, tool, ['logs', 'million'], { stdio: ['ignore', 'pipe', 'inherit'] })
      assert.equal(await countUp(reader.stdout! as AsyncIterable<Buffer>), lines)
    }
    assert.equal(await ok(daemon, 'docker', ['logs', '--tail', '3', 'million']), '999998\n999999\n1000000')
    await ok(daemon, 'docker', ['rm', 'million'])
  },
)

test('rotation: a follower misses nothing, what is kept is the end', async () => {
  const lines = 150_000
  // A start signal: the follower is there before the first line is.
  await ok(daemon, 'berth', [
    ...['run', '-d', '--name', 'rotated', '--log-opt', 'max-size=1m', '--log-opt', 'max-file=3', 'busybox', 'sh', '-c'],
    `until [ -e /go ]; do usleep 10000; done; i=0; while [ $i -lt 30 ]; do seq $((i*5000+1)) $((i*5000+5000)); i=$((i+1)); usleep 30000; done`,
  ])
  const follower = launch(daemon, 'berth', ['logs', '-f', 'rotated'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const counted = countUp(follower.stdout! as AsyncIterable<Buffer>)
  await ok(daemon, 'berth', ['exec', 'rotated', 'touch', '/go'])
  assert.equal(await counted, lines)
  const kept = (await ok(daemon, 'berth', ['logs', 'rotated'])).split('\n').map(Number)
  assert.equal(kept.at(-1), lines)
  assert.ok(kept.length < lines, `${kept.length} lines kept`)
  for (let i = 1; i < kept.length; i++) assert.equal(kept[i], kept[i - 1]! + 1)
  await ok(daemon, 'berth', ['rm', 'rotated'])
})

for (const tool of TOOLS) {
  test(
    `logs with ${tool}: tail, since, until, timestamps`,
    { skip: tool === 'docker' && !dockerClient && 'the docker client is not installed' },
    async () => {
      const name = `times-${tool}`
      await ok(daemon, tool, [
        'run',
        '--name',
        name,
        'busybox',
        'sh',
        '-c',
        'for i in 1 2 3 4 5; do echo $i; usleep 30000; done; echo no newline | tr -d "\\n"',
      ])
      const logs = (...args: string[]) => ok(daemon, tool, ['logs', ...args, name])
      assert.equal(await logs(), '1\n2\n3\n4\n5\nno newline')
      assert.equal(await logs('--tail', '2'), '5\nno newline')
      assert.equal(await logs('-n', '0'), '')
      const stamped = (await logs('-t')).split('\n').map(line => line.split(' ', 2))
      assert.match(stamped[0]![0]!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z$/)
      const times = stamped.map(([time]) => time!)
      assert.deepEqual(times.toSorted(), times)
      assert.equal(await logs('--since', times[2]!), '3\n4\n5\nno newline')
      assert.equal(await logs('--until', times[1]!), '1\n2')
      assert.equal(await logs('--since', times[1]!, '--until', times[3]!), '2\n3\n4')
      assert.equal(await logs('--since', '1h'), '1\n2\n3\n4\n5\nno newline')
      assert.equal(await logs('--until', '1h'), '')
      await ok(daemon, tool, ['rm', name])
    },
  )
}
