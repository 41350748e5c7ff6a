import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TestDaemon } from '../../test/support/daemon.ts'
import { SshServer } from '../../test/support/ssh-server.ts'

const ROOT = new URL('../..', import.meta.url).pathname

/** Another host for migrations: a daemon of its own behind a real sshd on the loopback interface. */
export interface FarSide {
  url: string
  /** For the command line that goes there. */
  env: NodeJS.ProcessEnv
  forget(volume: string): void
  stop(): Promise<void>
}

export async function farSide(): Promise<FarSide> {
  const daemon = new TestDaemon()
  await daemon.start()
  const command = join(daemon.directory, 'berth')
  writeFileSync(command, `#!/bin/sh\nexec ${join(ROOT, 'berth')} "$@"\n`)
  chmodSync(command, 0o755)
  const path = `${daemon.directory}:${process.env['PATH']}`
  const server = await SshServer.start({ environment: { BERTH_HOST: `unix://${daemon.socket}`, PATH: path } })
  return {
    url: server.url(''),
    env: { BERTH_SSH: server.command },
    forget(volume) {
      const { code, stderr } = daemon.berth('volume', 'rm', volume)
      if (code !== 0) throw new Error(stderr)
    },
    async stop() {
      await server.dispose()
      await daemon.dispose()
    },
  }
}
