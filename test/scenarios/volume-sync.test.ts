/** `berth volume sync` between volumes and a real S3 server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { TestDaemon } from '../support/daemon.ts'
import { S3Server, swiftHere } from '../support/s3-server.ts'
import { commandOf, environmentOf, launch, until } from '../support/tools.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'

let daemon: TestDaemon
let server: S3Server
let client: S3Client
before(async () => {
  daemon = new TestDaemon()
  ;[server] = await Promise.all([S3Server.start(swiftHere ? 'swift' : 's3rver'), daemon.start()])
  client = server.client()
})
after(async () => {
  client.destroy()
  await server.dispose()
  await daemon.dispose()
})

async function sync(args: string[], more: Record<string, string> = {}) {
  const [file, ...head] = commandOf('berth')
  const env = { ...environmentOf(daemon), ...server.environment, ...more }
  const child = spawn(file!, [...head, 'volume', 'sync', ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', piece => (stdout += String(piece)))
  child.stderr.on('data', piece => (stderr += String(piece)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, lines: stdout.split('\n').filter(Boolean).sort(), stderr }
}
async function volume(name: string): Promise<string> {
  return (await daemon.client.volumes.create({ Name: name })).Mountpoint
}
const put = (Key: string, Body: string, Metadata: Record<string, string> = {}) =>
  client.send(new PutObjectCommand({ Bucket: 'bucket', Key, Body, Metadata }))
const pathsIn = (root: string) =>
  fs
    .readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter(path => fs.lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile())
    .sort()

test('there and back: content, owner and mode; a second run has nothing to do', async () => {
  const root = await volume('there')
  fs.mkdirSync(join(root, 'a dir/ü'), { recursive: true })
  const large = randomBytes(9_000_000)
  fs.writeFileSync(join(root, 'large'), large)
  fs.writeFileSync(join(root, 'a dir/ü/it’s'), 'odd', { mode: 0o640 })
  fs.chownSync(join(root, 'a dir/ü/it’s'), 999, 998)
  fs.writeFileSync(join(root, 'empty'), '')
  fs.symlinkSync('/etc/passwd', join(root, 'out'))
  const up = await sync(['there', 's3://bucket/there'])
  assert.deepEqual(up.lines, [
    'upload: ./a dir/ü/it’s to s3://bucket/there/a dir/ü/it’s',
    'upload: ./empty to s3://bucket/there/empty',
    'upload: ./large to s3://bucket/there/large',
  ])
  assert.match(up.stderr, /warning: skipping \.\/out: a symbolic link/)
  assert.equal(up.code, 2)
  const head = await client.send(new HeadObjectCommand({ Bucket: 'bucket', Key: 'there/a dir/ü/it’s' }))
  assert.deepEqual([head.Metadata?.['uid'], head.Metadata?.['gid'], head.Metadata?.['mode']], ['999', '998', '33184'])
  fs.unlinkSync(join(root, 'out'))
  const again = await sync(['there', 's3://bucket/there/'])
  assert.deepEqual(again.lines, [])
  assert.match(again.stderr, /3 compared, 0 transferred/)
  assert.equal(again.code, 0)

  const back = await volume('back')
  assert.equal((await sync(['s3://bucket/there', 'back'])).code, 0)
  assert.deepEqual(pathsIn(back), ['a dir/ü/it’s', 'empty', 'large'])
  assert.deepEqual(fs.readFileSync(join(back, 'large')), large)
  const { uid, gid, mode } = fs.statSync(join(back, 'a dir/ü/it’s'))
  assert.deepEqual([uid, gid, mode & 0o7777], [999, 998, 0o640])
  assert.equal(fs.statSync(join(back, 'large')).mtimeMs % 1000, 0)
  assert.deepEqual((await sync(['s3://bucket/there', 'back'])).lines, [])
})

test('delete, dry run, patterns', async () => {
  const root = await volume('some')
  for (const name of ['a.txt', 'b.log', 'c.txt']) fs.writeFileSync(join(root, name), name)
  const filters = ['--exclude', '*', '--include', '*.txt']
  const dry = await sync(['some', 's3://bucket/some', '--dryrun', ...filters])
  assert.deepEqual(dry.lines, [
    '(dryrun) upload: ./a.txt to s3://bucket/some/a.txt',
    '(dryrun) upload: ./c.txt to s3://bucket/some/c.txt',
  ])
  assert.equal((await sync(['some', 's3://bucket/some', ...filters])).lines.length, 2)
  fs.unlinkSync(join(root, 'a.txt'))
  await put('some/x', 'extra')
  assert.deepEqual((await sync(['some', 's3://bucket/some'])).lines, ['upload: ./b.log to s3://bucket/some/b.log'])
  assert.deepEqual((await sync(['some', 's3://bucket/some', '--delete'])).lines, [
    'delete: s3://bucket/some/a.txt',
    'delete: s3://bucket/some/x',
  ])
  fs.writeFileSync(join(root, 'only here'), '')
  assert.deepEqual((await sync(['s3://bucket/some', 'some', '--delete'])).lines, ['delete: ./only here'])
  assert.deepEqual(pathsIn(root), ['b.log', 'c.txt'])
})

test('keys that lead out of a volume are skipped; a symlink in it leads nowhere', async () => {
  const root = await volume('safe')
  const outside = fs.mkdtempSync(join(daemon.directory, 'outside-'))
  fs.symlinkSync(outside, join(root, 'link'))
  await put('evil/a/../../../b', 'x')
  await put('evil/link/c', 'x')
  await put('evil/good', 'x')
  const down = await sync(['s3://bucket/evil', 'safe'])
  assert.equal(down.code, 1)
  assert.deepEqual(down.lines, ['download: s3://bucket/evil/good to ./good'])
  assert.match(down.stderr, /skipping s3:\/\/bucket\/evil\/a\/\.\.\/\.\.\/\.\.\/b/)
  assert.match(down.stderr, /download failed: .*link\/c.*leads out of the volume/)
  assert.deepEqual(fs.readdirSync(outside), [])
})

test('what is wrong, in clear words; no credentials in the log', async () => {
  await volume('words')
  fs.writeFileSync(join((await daemon.client.volumes.inspect('words')).Mountpoint, 'f'), 'x')
  const failing = async (args: string[], words: RegExp, more: Record<string, string> = {}) => {
    const { code, stderr } = await sync(args, more)
    assert.equal(code, 1, stderr)
    assert.match(stderr, words)
    assert.doesNotMatch(stderr, / {4}at /)
  }
  await failing(['none', 's3://bucket/x'], /get none: no such volume/)
  await failing(['words', 's3://absent-bucket/x'], /there is no bucket absent-bucket/)
  await failing(['words', 'other'], /one of the two must be s3:/)
  if (server.kind === 'swift') {
    await failing(['words', 's3://bucket/x'], /wrong credentials.*AWS_SECRET_ACCESS_KEY/, {
      AWS_SECRET_ACCESS_KEY: 'hunter2',
    })
  }
  await failing(['words', 's3://bucket/x'], /no credentials for S3: set AWS_ACCESS_KEY_ID/, {
    ...{ AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '', AWS_EC2_METADATA_DISABLED: 'true' },
    ...{ AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_CONFIG_FILE: '/dev/null' },
  })
  // The keys of a profile are looked up where the user is, and serve the daemon.
  const profiles = join(daemon.directory, 'credentials')
  const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret } = server.environment
  fs.writeFileSync(profiles, `[mine]\naws_access_key_id = ${id}\naws_secret_access_key = ${secret}\n`)
  const profile = { AWS_PROFILE: 'mine', AWS_SHARED_CREDENTIALS_FILE: profiles, AWS_ACCESS_KEY_ID: '' }
  assert.deepEqual((await sync(['words', 's3://bucket/x'], { ...profile, AWS_SECRET_ACCESS_KEY: '' })).lines, [
    'upload: ./f to s3://bucket/x/f',
  ])
  assert.doesNotMatch(daemon.log, /hunter2|testing|YOUR_SECRET/)
})

test('ended half way, and the daemon killed half way: no half file, nothing mounted; the next run completes it', async () => {
  await client.send(new CreateBucketCommand({ Bucket: 'many' })).catch(() => {})
  const body = Buffer.alloc(300_000, 'x')
  const keys = Array.from({ length: 60 }, (_, at) => `f${at}`)
  await Promise.all(keys.map(Key => client.send(new PutObjectCommand({ Bucket: 'many', Key, Body: body }))))
  const root = await volume('many')
  const start = () => {
    const child = launch(daemon, 'berth', ['volume', 'sync', 's3://many', 'many'], {
      env: { ...environmentOf(daemon), ...server.environment },
      stdio: 'ignore',
    })
    return { child, ended: once(child, 'exit') }
  }
  const begun = () => until('a few files', () => (pathsIn(root).length > 5 ? true : undefined))
  const one = start()
  await begun()
  one.child.kill('SIGINT')
  await one.ended
  const whole = (path: string) => fs.statSync(join(root, path)).size === body.length
  await until('no part', () => (pathsIn(root).every(path => path.startsWith('f')) ? true : undefined))
  assert.ok(pathsIn(root).every(whole))
  for (const path of pathsIn(root)) fs.unlinkSync(join(root, path))
  const two = start()
  await begun()
  await daemon.stop('SIGKILL')
  await two.ended
  assert.ok(
    pathsIn(root)
      .filter(path => path.startsWith('f'))
      .every(whole),
  )
  await daemon.start()
  assert.equal((await sync(['s3://many', 'many'])).code, 0)
  assert.deepEqual(pathsIn(root).length, 60)
  assert.ok(pathsIn(root).every(path => path.startsWith('f') && whole(path)))
  const stored = await client.send(new GetObjectCommand({ Bucket: 'many', Key: 'f1' }))
  assert.equal((await stored.Body!.transformToByteArray()).length, body.length)
})
