import { execFile } from 'node:child_process'
import { system } from '#lib/errors.ts'

const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** Milliseconds; making and checking a file system on a sparse file takes some ten. */
const LIMIT = 120_000

/**
 * Runs a file system's own tool: there is no system call that makes one.
 *
 * @param what for the message: `volumes with size=`
 * @throws system with its last words, or naming the package without it
 */
export function runTool(
  tool: string,
  args: string[],
  needs: { package: string; what: string },
  accept: readonly number[] = [0],
): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { PATH, LC_ALL: 'C' }
    execFile(tool, args, { env, timeout: LIMIT, maxBuffer: 1 << 20 }, (error, stdout, stderr) => {
      if (!error || accept.includes(Number(error.code))) return resolve()
      if (error.code === 'ENOENT') {
        const words = `${tool} is not installed, which ${needs.what} need: install the package ${needs.package}`
        return reject(system(words, { details: { errno: 'ENOENT' } }))
      }
      const words = `${stderr}\n${stdout}`.split('\n').map(line => line.trim())
      const last = words.filter(line => line !== '').at(-1)
      const full = /no space left/i.test(words.join(' '))
      reject(system(`${tool}: ${last ?? error.message}`, { details: full ? { errno: 'ENOSPC' } : {} }))
    })
  })
}
