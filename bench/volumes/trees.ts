import { closeSync, mkdirSync, openSync, readdirSync, statSync, utimesSync, writeFileSync, writeSync } from 'node:fs'
import { randomFillSync } from 'node:crypto'
import { join } from 'node:path'

/** What is in a volume that is measured. */
export interface Tree {
  name: string
  /** Fills an empty directory. */
  fill(directory: string): void
}

const WORDS = 'the quick brown fox jumps over lazy dogs while 0123456789 requests per second are counted'.split(' ')

/** Half words, half noise: it shrinks to about half, as data of services does. */
function content(bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(bytes)
  for (let at = 0, i = 0; at < bytes; at += 512, i++) {
    const piece = buffer.subarray(at, at + 512)
    if (i % 2 === 0) randomFillSync(piece)
    else piece.fill(`${WORDS[(i * 7) % WORDS.length]} ${WORDS[(i * 13) % WORDS.length]} ${i} `)
  }
  return buffer
}

export function smallFiles(count: number): Tree {
  return {
    name: `${count.toLocaleString('en')} files of 4 KB`,
    fill(directory) {
      for (let d = 0; d < count / 100; d++) {
        mkdirSync(join(directory, `d${d}`))
        for (let i = 0; i < 100; i++) writeFileSync(join(directory, `d${d}/f${i}`), content(4096))
      }
    },
  }
}

export function bigFiles(count: number, megabytes: number): Tree {
  return {
    name: `${count} files of ${megabytes} MB`,
    fill(directory) {
      const block = content(8 << 20)
      for (let i = 0; i < count; i++) {
        const fd = openSync(join(directory, `big${i}`), 'w')
        for (let at = 0; at < megabytes; at += 8) {
          randomFillSync(block, (at * 4096) % (4 << 20), 4096)
          writeSync(fd, block, 0, Math.min(8, megabytes - at) << 20)
        }
        closeSync(fd)
      }
    },
  }
}

/** Changes one file in a hundred, at least one. @returns how many */
export function changeOnePercent(directory: string): number {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map(name => join(directory, name))
    .filter(path => statSync(path).isFile())
    .sort()
  const changed = files.filter((_, i) => i % 100 === 0)
  for (const path of changed) {
    const fd = openSync(path, 'r+')
    writeSync(fd, content(4096), 0, 4096, 0)
    closeSync(fd)
    utimesSync(path, new Date(), new Date())
  }
  return changed.length
}
