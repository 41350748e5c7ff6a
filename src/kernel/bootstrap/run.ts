import { execFile } from 'node:child_process'
import { notFound, system } from '#lib/errors.ts'

export const PATH_ENV = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** Runs a tool to its end. @returns its standard output. @throws system with its last words, not-found without it */
export function run(command: string, args: string[], options: { cwd?: string } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const limits = { maxBuffer: 16 << 20, timeout: 120_000 }
    execFile(command, args, { ...options, ...limits }, (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      if (error.code === 'ENOENT') return reject(missing(command))
      reject(system(`${command} failed: ${lastLine(stderr) || error.message}`, { cause: error }))
    })
  })
}

export const missing = (command: string) => notFound(`${command} is not installed: install the package ${command}`)

export const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? ''
