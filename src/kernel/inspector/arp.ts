import { setTimeout as sleep } from 'node:timers/promises'
import { hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { indexOf, type Rtnl } from '#kernel/netlink/rtnl.ts'

const ETH_P_ARP = 0x0806
const REPLY = 2
const LOOK = 5

interface Asker {
  device: string
  /** MAC and IPv4 address of the device. */
  mac: string
  source: string
  timeoutMs: number
  sandbox?: string
}

/** Asks the wire for the owner of an IPv4 address (RFC 826). @returns the MACs of all who answer, lower case */
export async function whoHas(rtnl: Rtnl, address: string, asker: Asker): Promise<string[]> {
  const { device, timeoutMs, sandbox } = asker
  const index = await rtnl.within(sandbox, async socket => indexOf(socket, device))
  const linkLayer = Buffer.alloc(20) // struct sockaddr_ll
  linkLayer.writeUInt16LE(libc.AF_PACKET, 0)
  linkLayer.writeUInt16BE(ETH_P_ARP, 2)
  linkLayer.writeInt32LE(index, 4)
  // Protocol 0 until it is bound, so that it hears nothing of other devices.
  const fd = rtnl.namespaces.enter(sandbox, () => libc.socket(libc.AF_PACKET, libc.SOCK_RAW | libc.SOCK_NONBLOCK, 0))
  try {
    libc.bind(fd, linkLayer)
    libc.send(fd, request(address, asker), libc.MSG_DONTWAIT)
    const macs = new Set<string>()
    const wanted = bytesOf(address)
    for (let waited = 0; waited <= timeoutMs; waited += LOOK) {
      for (const frame of framesOf(fd)) {
        const isReply = frame.length >= 42 && frame.readUInt16BE(20) === REPLY
        if (isReply && frame.subarray(28, 32).equals(wanted)) macs.add(macText(frame.subarray(22, 28)))
      }
      await sleep(LOOK)
    }
    return [...macs]
  } catch (error) {
    if (hasErrno(error, 'ENETDOWN', 'ENXIO', 'ENODEV')) return []
    throw error
  } finally {
    void libc.closeAsync(fd)
  }
}

function request(address: string, { mac, source }: Asker): Buffer {
  const own = Buffer.from(mac.replaceAll(':', ''), 'hex')
  const head = Buffer.from([0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1])
  return Buffer.concat([Buffer.alloc(6, 0xff), own, head, own, bytesOf(source), Buffer.alloc(6), bytesOf(address)])
}

function framesOf(fd: number): Buffer[] {
  const frames: Buffer[] = []
  const buffer = Buffer.alloc(2048)
  try {
    for (;;) {
      const length = libc.recv(fd, buffer, libc.MSG_DONTWAIT)
      frames.push(Buffer.from(buffer.subarray(0, length)))
    }
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return frames
    throw error
  }
}

const bytesOf = (address: string): Buffer => Buffer.from(address.split('.').map(Number))
const macText = (bytes: Buffer): string => bytes.toString('hex').replace(/(..)(?=.)/g, '$1:')
