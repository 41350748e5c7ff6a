import { fstatSync } from 'node:fs'
import { TailScanner } from '#codec/k8s-log.ts'
import type { OpenLog } from './files.ts'
import { readAt } from './read-at.ts'

const BLOCK = 64 * 1024

/**
 * Where the last `lines` lines begin.
 *
 * @param files oldest first
 * @returns index of the file, and offset in it
 */
export async function findTail(files: OpenLog[], lines: number): Promise<{ index: number; offset: number }> {
  const last = files.length - 1
  if (lines <= 0) return { index: last, offset: fstatSync(files[last]!.fd).size }
  const scanner = new TailScanner(lines)
  for (let index = last; index >= 0; index--) {
    const { fd } = files[index]!
    for (let end = fstatSync(fd).size; end > 0;) {
      const start = Math.max(0, end - BLOCK)
      const block = Buffer.allocUnsafe(end - start)
      const length = await readAt(fd, block, start)
      const found = scanner.feed(block.subarray(0, length), start)
      if (found !== undefined) return { index, offset: found }
      end = start
    }
    scanner.nextFile()
  }
  return { index: 0, offset: 0 }
}
