import { parseHost, type Endpoint } from '#client/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import type { Context } from '../core/context.ts'

const { connect } = process.getBuiltinModule('node:net')
type Socket = ReturnType<typeof connect>

export const command = defineCommand({
  usage: '',
  args: [0, 0],
  description: `Connect standard input and output with the daemon's socket

What runs at the far end of ssh:// hosts. An end of either direction is passed on, the other
direction goes on.`,
  flags: {},
  async run(context) {
    const socket = await open(context, parseHost(context.globals.host))
    const { stdin, stdout } = context
    // With the reader or the daemon gone nothing is left to do; what was on its way is lost either way.
    stdout.on('error', () => process.exit(0))
    stdin.on('error', () => socket.destroy())
    socket.on('error', () => socket.destroy())
    stdin.pipe(socket)
    socket.pipe(stdout, { end: false })
    // Its end is the last that the daemon has to say, whatever may still come in.
    await new Promise(resolve => {
      socket.once('end', resolve)
      socket.once('close', resolve)
    })
  },
})

async function open(context: Context, endpoint: Endpoint): Promise<Socket> {
  try {
    return await connected(endpoint)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    const absent = code === 'ENOENT' || code === 'ECONNREFUSED'
    // As for every other command: no daemon, and nobody asked for a particular one.
    if (absent && context.globals.hostIsDefault && process.getuid?.() === 0) {
      const { startDetached } = await import('../core/start-daemon.ts')
      if (await startDetached()) return connected(endpoint)
    }
    const hint = absent ? 'is it running?' : (error as Error).message
    throw new CliError(`cannot connect to the daemon at ${context.globals.host}: ${hint}`)
  }
}

function connected(endpoint: Endpoint): Promise<Socket> {
  if (endpoint.kind === 'ssh' || (endpoint.kind === 'tcp' && endpoint.tls)) {
    throw new CliError('dial-stdio speaks to unix:// and tcp:// sockets of this host only')
  }
  return new Promise((resolve, reject) => {
    const where = endpoint.kind === 'unix' ? { path: endpoint.path } : { host: endpoint.host, port: endpoint.port }
    const socket = connect({ ...where, allowHalfOpen: true })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
  })
}
