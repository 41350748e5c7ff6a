import { open } from 'node:fs/promises'

const PT_INTERP = 3

/** Whether the file is a 64- or 32-bit little-endian ELF program that needs no dynamic loader (elf(5)). */
export async function isStatic(path: string): Promise<boolean> {
  let file
  try {
    file = await open(path)
  } catch {
    return false
  }
  try {
    const { buffer: head, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0)
    if (bytesRead < 64 || head.readUInt32BE(0) !== 0x7f454c46 || head[5] !== 1) return false
    const wide = head[4] === 2
    const table = wide ? Number(head.readBigUInt64LE(32)) : head.readUInt32LE(28)
    const size = head.readUInt16LE(wide ? 54 : 42)
    const count = head.readUInt16LE(wide ? 56 : 44)
    if (count === 0 || table + size * count > bytesRead) return false
    return !Array.from({ length: count }, (_, i) => head.readUInt32LE(table + i * size)).includes(PT_INTERP)
  } finally {
    await file.close()
  }
}
