import { createHash } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import type { Context } from '../core/context.ts'

/**
 * Runs `work` while no other command of this user changes the same project on the same daemon: two `up` at once would
 * else make each thing twice. The lock is a socket name of the abstract namespace (unix(7)): it is free again at the
 * end of the process, however that ends.
 */
export async function exclusively<T>(context: Context, project: string, work: () => Promise<T>): Promise<T> {
  const key = createHash('sha256').update(`${context.globals.host}\n${project}`).digest('hex').slice(0, 32)
  const name = `\0berth-compose-${process.getuid?.() ?? 0}-${key}`
  for (let told = false; ; told = true) {
    const release = await take(name)
    if (release) {
      try {
        return await work()
      } finally {
        release()
      }
    }
    if (!told) context.warn(`another command is changing project ${project}: waiting for its end`)
    await released(name)
  }
}

/** @returns undefined when another process has the name */
function take(name: string): Promise<(() => void) | undefined> {
  return new Promise((resolve, reject) => {
    // Whoever waits for us is told by the end of its connection.
    const waiting = new Set<Socket>()
    const server = createServer(socket => {
      waiting.add(socket)
      socket.on('error', () => {}).on('close', () => waiting.delete(socket))
      socket.resume().unref()
    })
    server.once('error', error => {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') resolve(undefined)
      else reject(error)
    })
    server.listen(name, () => {
      server.unref()
      resolve(() => {
        server.close()
        for (const socket of waiting) socket.destroy()
      })
    })
  })
}

function released(name: string): Promise<void> {
  return new Promise(resolve => {
    connect(name)
      .on('error', () => {})
      .resume()
      .once('close', () => resolve())
  })
}
