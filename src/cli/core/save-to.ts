import { createWriteStream } from 'node:fs'
import { rename, rm, stat } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { CliError } from './command.ts'
import type { Context } from './context.ts'

/** Refuses to write a binary to a terminal. */
export function checkOutput(context: Context, path: string): void {
  if (path === '' && context.stdout.isTTY) {
    throw new CliError('cowardly refusing to save to a terminal. Use the -o flag or redirect')
  }
}

/** Copies to stdout, or to a file that appears only when it is whole. */
export async function saveTo(context: Context, source: Readable, path: string): Promise<void> {
  if (path === '') {
    await pipeline(source, context.stdout, { end: false })
    return
  }
  const there = await stat(path).catch(() => undefined)
  // Devices and pipes cannot be replaced.
  const direct = there !== undefined && !there.isFile()
  if (there?.isDirectory()) throw new CliError(`failed to save: ${path} is a directory`)
  const temporary = direct ? path : `${path}.${process.pid}.tmp`
  try {
    await pipeline(source, createWriteStream(temporary))
    if (!direct) await rename(temporary, path)
  } catch (error) {
    if (!direct) await rm(temporary, { force: true })
    throw error
  }
}
