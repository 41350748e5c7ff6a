import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Conversation, FileServers } from '#ports/file-servers.ts'
import { hasErrno } from '../ffi/errno.ts'
import { TcpConversation } from './conversation.ts'

/** Where no well-known service is. */
const [FIRST_PORT, LAST_PORT] = [665, 1023]

export class HostFileServers implements FileServers {
  async dial(address: string, port: number, options: { deadline: number; privileged: boolean }): Promise<Conversation> {
    const { deadline, privileged } = options
    if (!privileged) return TcpConversation.open(address, port, { deadline })
    for (let tries = 0; ; tries++) {
      try {
        const localPort = randomInt(FIRST_PORT, LAST_PORT + 1)
        return await TcpConversation.open(address, port, { deadline, localPort })
      } catch (error) {
        // Somebody else has it, or had it a minute ago.
        if (!hasErrno(error, 'EADDRINUSE', 'EADDRNOTAVAIL') || tries === 50) throw error
      }
    }
  }

  /** A datagram socket that is connected has the address that routing chose; nothing is sent. */
  ownAddress(address: string): Promise<string> {
    return new Promise(resolve => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      const end = (own: string) => {
        socket.close()
        resolve(own === '0.0.0.0' || own === '::' ? '' : own)
      }
      socket.once('error', () => end(''))
      socket.connect(1, address, () => end(socket.address().address))
    })
  }

  knowsType(type: string): boolean {
    const known = readFileSync('/proc/filesystems', 'utf8').split('\n')
    if (known.some(line => line.split('\t').at(-1) === type)) return true
    // Version 4 is a module of its own, and smb3 a second name of cifs.
    const module = { nfs4: 'nfsv4', smb3: 'cifs' }[type] ?? type
    const list = `/lib/modules/${release()}/modules.dep`
    return existsSync(list) && new RegExp(`/${module}\\.ko`).test(readFileSync(list, 'utf8'))
  }
}
