import { randomBytes } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { silentLogger } from '#lib/log.ts'
import * as libc from '#kernel/ffi/libc.ts'
import { type KernelNetworking, kernelNetworking } from '#kernel/networking.ts'

/** The real thing in a directory of its own; `close` leaves nothing but what the test forgot to remove. */
export function testNetworking(options: { poolSize?: number; execRoot?: string } = {}): {
  networking: KernelNetworking
  /** Begins link names. */
  prefix: string
  execRoot: string
  close(): Promise<void>
} {
  const execRoot = options.execRoot ?? fs.mkdtempSync(path.join(os.tmpdir(), 'berth-net-'))
  const networking = kernelNetworking({ execRoot, log: silentLogger, poolSize: options.poolSize ?? 1 })
  const close = async () => {
    for (const id of networking.sandboxes.list()) networking.sandboxes.remove(id)
    await networking.close()
    libc.umount2(path.join(execRoot, 'netns'), libc.MNT_DETACH)
    fs.rmSync(execRoot, { recursive: true })
  }
  return { networking, prefix: `t${randomBytes(2).toString('hex')}`, execRoot, close }
}
