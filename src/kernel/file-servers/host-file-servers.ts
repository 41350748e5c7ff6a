import { createSocket } from 'node:dgram'
import { existsSync, readFileSync } from 'node:fs'
import { release } from 'node:os'
import type { Conversation, FileServers } from '#ports/file-servers.ts'
import { TcpConversation } from './conversation.ts'

export class HostFileServers implements FileServers {
  dial(address: string, port: number, deadline: number): Promise<Conversation> {
    return TcpConversation.open(address, port, deadline)
  }

  /** A datagram socket that is connected has the address that routing chose; nothing is sent. */
  ownAddress(address: string): Promise<string> {
    return new Promise(resolve => {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
      const end = (own: string) => {
        socket.close()
        resolve(own)
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
