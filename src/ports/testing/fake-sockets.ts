import type { OpenPort, Sockets } from '#ports/sockets.ts'

/** What a test says is open or connected, by sandbox path. */
export class FakeSockets implements Sockets {
  readonly ports = new Map<string, OpenPort[]>()
  readonly connections = new Map<string, number>()

  async open(sandbox: string): Promise<OpenPort[]> {
    return this.ports.get(sandbox) ?? []
  }

  async inbound(sandbox: string): Promise<number> {
    return this.connections.get(sandbox) ?? 0
  }
}
