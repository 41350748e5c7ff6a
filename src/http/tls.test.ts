import { silentLogger } from '#lib/log.ts'
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ApiServer } from './server.ts'

/** Makes the certificates; the tests run without it where it is not installed. */
const TOOL = 'openssl'

const hasOpenssl = (() => {
  try {
    execFileSync(TOOL, ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

test(
  'tlsverify: a client with a certificate of the authority is served, others are not',
  { skip: !hasOpenssl },
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'berth-tls-'))
    t.after(() => rmSync(directory, { recursive: true }))
    const file = (name: string) => join(directory, name)
    const openssl = (...args: string[]) => execFileSync(TOOL, args, { cwd: directory, stdio: 'ignore' })
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
    openssl('req', '-x509', ...key, '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=ca', '-days', '1')
    for (const name of ['server', 'client']) {
      openssl(
        'req',
        ...key,
        '-keyout',
        `${name}.key`,
        '-out',
        `${name}.csr`,
        '-subj',
        `/CN=${name}`,
        '-addext',
        'subjectAltName=IP:127.0.0.1',
      )
      openssl(
        'x509',
        '-req',
        '-in',
        `${name}.csr`,
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-out',
        `${name}.pem`,
        '-days',
        '1',
        '-copy_extensions',
        'copy',
      )
    }
    const server = new ApiServer({
      routes: [{ method: 'GET', path: '/_ping', handle: context => context.text(200, 'text/plain', 'OK') }],
      log: silentLogger,
      serverName: 'x',
    })
    const tls = { verify: true, ca: file('ca.pem'), cert: file('server.pem'), key: file('server.key') }
    await assert.rejects(server.listen(['tcp://127.0.0.1:0'], { tls: { ...tls, ca: undefined } }), /--tlscacert/)
    const [address = ''] = await server.listen(['tcp://127.0.0.1:0'], { tls })
    t.after(() => server.close(0))
    const get = (identity: { cert?: Buffer; key?: Buffer }) =>
      new Promise<number>((resolve, reject) => {
        const ca = readFileSync(file('ca.pem'))
        const outgoing = request(
          `${address.replace('tcp:', 'https:')}/_ping`,
          { ca, agent: false, ...identity },
          response => {
            response.resume()
            resolve(response.statusCode ?? 0)
          },
        )
        outgoing.once('error', reject)
        outgoing.end()
      })
    assert.equal(await get({ cert: readFileSync(file('client.pem')), key: readFileSync(file('client.key')) }), 200)
    await assert.rejects(get({}))
  },
)
