/** Uploads to S3 and over ssh while servers are killed at random moments: the object is whole, or there is none. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTarget } from '#targets/index.ts'
import { S3Server, swiftHere } from '../support/s3-server.ts'
import { SshServer, sshdHere } from '../support/ssh-server.ts'

const ROUNDS = Number(process.env['ROUNDS'] ?? 12)
const MIB = 1024 * 1024
const SIZE = 72 * MIB
let s3: S3Server
let ssh: SshServer
before(async () => {
  if (swiftHere) s3 = await S3Server.start('swift')
  if (sshdHere) ssh = await SshServer.start()
})
after(() => Promise.all([s3?.dispose(), ssh?.dispose()]))

/** Slow enough that there is time to be killed in. */
async function* generated(seed: number): AsyncGenerator<Buffer> {
  for (let done = 0; done < SIZE; done += MIB) {
    await sleep(10)
    yield Buffer.alloc(MIB, createHash('sha512').update(`${seed} ${done}`).digest())
  }
}
const content = (seed: number) => Readable.from(generated(seed), { objectMode: false })
async function digestOf(stream: Readable): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of stream) hash.update(piece as Buffer)
  return hash.digest('hex')
}

/** Puts until it succeeds, each time with the token of the last, while `disturb` goes on beside. */
async function persist(url: string, environment: Record<string, string | undefined>, disturb: () => Promise<void>) {
  for (let round = 0; round < ROUNDS; round++) {
    const target = await openTarget(url, environment)
    let token: string | undefined
    let over = false
    const disturbing = (async () => {
      while (!over) {
        await sleep(500 + Math.random() * 6000)
        if (!over) await disturb()
      }
    })()
    let attempts = 0
    try {
      for (;;) {
        attempts++
        // Some attempts end by themselves, as a command line does that is killed.
        const own =
          attempts < 4 && Math.random() < 0.5 ? AbortSignal.timeout(Math.ceil(Math.random() * 3000)) : undefined
        try {
          const options = { onToken: (given: string) => (token = given), ...(own && { signal: own }) }
          await target.put(`r${round}`, content(round), token === undefined ? options : { ...options, resume: token })
          break
        } catch (error) {
          const known = own?.aborted || /cannot reach|connection|broke|cannot serve/.test((error as Error).message)
          assert.ok(known, String(error))
          await sleep(300)
          // Half of it is none. An answer that nobody waited for may have been that it is whole.
          const found = await target.stat(`r${round}`).catch(() => undefined)
          assert.ok(found === undefined || found.size === SIZE, JSON.stringify(found))
        }
      }
    } finally {
      over = true
      await disturbing
    }
    assert.equal(await digestOf(await target.open(`r${round}`)), await digestOf(content(round)), `round ${round}`)
    assert.deepEqual(
      (await target.list()).map(one => one.name),
      [`r${round}`],
    )
    await target.remove(`r${round}`)
    await target.close()
  }
}

test('S3', { skip: !swiftHere && 'no Swift here' }, async () => {
  await persist('s3://bucket/soak/', s3.environment, async () => {
    await s3.stop()
    await sleep(Math.random() * 1500)
    await s3.start()
  })
})

test('ssh', { skip: !sshdHere && 'no sshd(8) here' }, async () => {
  const directory = mkdtempSync(join(ssh.directory, 'soak-'))
  await persist(ssh.url(directory), { ...process.env, BERTH_SSH: ssh.command }, async () => {
    if (Math.random() < 0.5) return ssh.cut()
    await ssh.stop()
    await sleep(Math.random() * 1500)
    await ssh.start()
  })
  assert.deepEqual(
    readdirSync(directory).filter(name => !name.startsWith('.')),
    [],
  )
})
