import { invalid } from '#lib/errors.ts'

/**
 * The few messages of SMB 2 and 3 (MS-SMB2) by which one finds out, as nobody in particular, whether a share is there.
 * Frames carry their length before them, as SMB over TCP does.
 */
const HEADER = 64
export const SMB_COMMANDS = { negotiate: 0, session: 1, tree: 3 } as const
/** 2.0.2, 2.1, 3.0, 3.0.2: what needs nothing beside the list. */
const DIALECTS = [0x0202, 0x0210, 0x0300, 0x0302]
const SIGNATURE = Buffer.from('\xfeSMB', 'latin1')

export const STATUS = {
  ok: 0,
  moreProcessing: 0xc000_0016,
  badNetworkName: 0xc000_00cc,
} as const

export interface SmbAnswer {
  status: number
  session: bigint
  /** After the header. */
  body: Buffer
}

function frame(command: number, message: number, session: bigint, body: Buffer): Buffer {
  const header = Buffer.alloc(HEADER)
  SIGNATURE.copy(header)
  header.writeUInt16LE(HEADER, 4)
  header.writeUInt16LE(1, 6)
  header.writeUInt16LE(command, 12)
  header.writeUInt16LE(1, 14)
  header.writeBigUInt64LE(BigInt(message), 24)
  header.writeBigUInt64LE(session, 40)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(HEADER + body.length)
  return Buffer.concat([length, header, body])
}

/** The first message. */
export function negotiate(): Buffer {
  const body = Buffer.alloc(36 + 2 * DIALECTS.length)
  body.writeUInt16LE(36, 0)
  body.writeUInt16LE(DIALECTS.length, 2)
  body.writeUInt16LE(1, 4)
  // Any but zero: servers that see the same one twice take it for another channel of one client.
  body.writeUInt32LE(0x62657274, 12)
  DIALECTS.forEach((dialect, i) => body.writeUInt16LE(dialect, 36 + 2 * i))
  return frame(SMB_COMMANDS.negotiate, 0, 0n, body)
}

/** One half of a login as nobody: the greeting, and then the empty answer to the server's challenge. */
export function sessionSetup(message: number, session: bigint, step: 'greet' | 'nobody'): Buffer {
  const token = step === 'greet' ? ntlmNegotiate() : ntlmNobody()
  const body = Buffer.alloc(24)
  body.writeUInt16LE(25, 0)
  body.writeUInt8(1, 3)
  body.writeUInt16LE(HEADER + 24, 12)
  body.writeUInt16LE(token.length, 14)
  return frame(SMB_COMMANDS.session, message, session, Buffer.concat([body, token]))
}

/** @param share `\\server\share` */
export function treeConnect(message: number, session: bigint, share: string): Buffer {
  const path = Buffer.from(share, 'utf16le')
  const body = Buffer.alloc(8)
  body.writeUInt16LE(9, 0)
  body.writeUInt16LE(HEADER + 8, 4)
  body.writeUInt16LE(path.length, 6)
  return frame(SMB_COMMANDS.tree, message, session, Buffer.concat([body, path]))
}

/** @throws invalid when it is no message of SMB 2 */
export function decodeSmb(bytes: Buffer): SmbAnswer {
  if (bytes.length < HEADER || !bytes.subarray(0, 4).equals(SIGNATURE)) throw invalid('the server speaks no SMB 2 or 3')
  return { status: bytes.readUInt32LE(8), session: bytes.readBigUInt64LE(40), body: bytes.subarray(HEADER) }
}

// MS-NLMP: unicode, NTLM, always sign, extended security; and for nobody, anonymous.
const NTLM_FLAGS = 0x0008_8205
const NTLM_ANONYMOUS = 0x800
const NTLM_HEADER = 64

function ntlmNegotiate(): Buffer {
  const token = Buffer.alloc(32)
  token.write('NTLMSSP\0', 0, 'latin1')
  token.writeUInt32LE(1, 8)
  token.writeUInt32LE(NTLM_FLAGS, 12)
  return token
}

/** The answer of one zero byte and no name is what the protocol has for nobody. */
function ntlmNobody(): Buffer {
  const token = Buffer.alloc(NTLM_HEADER + 1)
  token.write('NTLMSSP\0', 0, 'latin1')
  token.writeUInt32LE(3, 8)
  const field = (at: number, length: number) => {
    token.writeUInt16LE(length, at)
    token.writeUInt16LE(length, at + 2)
    token.writeUInt32LE(NTLM_HEADER, at + 4)
  }
  field(12, 1)
  for (const at of [20, 28, 36, 44, 52]) field(at, 0)
  token.writeUInt32LE(NTLM_FLAGS | NTLM_ANONYMOUS, 60)
  return token
}
