import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import type { Identity, Recipient, Stanza } from 'age-encryption'
import { invalid } from '#lib/errors.ts'

/** As the `age` tool's: a second of work and 256 MiB for each guess. */
const WORK_FACTOR = 18
/** What the `age` tool takes, too: more is somebody's attempt to hold us up. */
const MAX_WORK_FACTOR = 22
const LABEL = 'age-encryption.org/v1/scrypt'

const derive = promisify<string, Buffer, number, object, Buffer>(scrypt)

/** The library's own scrypt is JavaScript on the main thread; this is the same stanza from Node's, on another. */
function keyOf(passphrase: string, salt: Buffer, workFactor: number): Promise<Buffer> {
  const N = 2 ** workFactor
  return derive(passphrase.normalize(), Buffer.concat([Buffer.from(LABEL), salt]), 32, {
    N,
    r: 8,
    p: 1,
    maxmem: 128 * N * 8 + 64 * 1024 * 1024,
  })
}

const base64 = (bytes: Buffer) => bytes.toString('base64').replace(/=+$/, '')

export function passphraseRecipient(passphrase: string, StanzaClass: typeof Stanza): Recipient {
  return {
    async wrapFileKey(fileKey) {
      const salt = randomBytes(16)
      const key = await keyOf(passphrase, salt, WORK_FACTOR)
      const cipher = createCipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 })
      const body = Buffer.concat([cipher.update(fileKey), cipher.final(), cipher.getAuthTag()])
      return [new StanzaClass(['scrypt', base64(salt), String(WORK_FACTOR)], body)]
    },
  }
}

export function passphraseIdentity(passphrase: string): Identity {
  return {
    async unwrapFileKey(stanzas) {
      const stanza = stanzas.find(one => one.args[0] === 'scrypt')
      if (!stanza) return null
      const [, salt = '', factor = ''] = stanza.args
      const bytes = Buffer.from(salt, 'base64')
      if (stanzas.length !== 1 || bytes.length !== 16 || stanza.body.length !== 32 || !/^[1-9]\d?$/.test(factor)) {
        throw invalid('the header of the encrypted backup is damaged')
      }
      if (Number(factor) > MAX_WORK_FACTOR) throw invalid(`the passphrase's work factor ${factor} is too large`)
      const key = await keyOf(passphrase, bytes, Number(factor))
      const body = Buffer.from(stanza.body)
      const decipher = createDecipheriv('chacha20-poly1305', key, Buffer.alloc(12), { authTagLength: 16 })
      decipher.setAuthTag(body.subarray(16))
      const fileKey = decipher.update(body.subarray(0, 16))
      try {
        decipher.final()
      } catch {
        throw invalid('wrong passphrase for this backup')
      }
      return fileKey
    },
  }
}
