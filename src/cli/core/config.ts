import { CliError } from './command.ts'

// An import of node:fs would load its promises too: 5 ms of every command.
const { readFileSync } = process.getBuiltinModule('node:fs')

/** The parts of Docker's `config.json` that Berth's command line uses. */
export interface CliConfig {
  directory: string
  psFormat?: string
  imagesFormat?: string
  networksFormat?: string
  volumesFormat?: string
  statsFormat?: string
  detachKeys?: string
  httpHeaders?: Record<string, string>
}

/** @throws when the file is there and cannot be used */
export function readConfig(directory: string): CliConfig {
  const path = `${directory}/config.json`
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return { directory }
    throw new CliError(`could not read ${path}: ${(error as Error).message}`)
  }
  try {
    const parsed = JSON.parse(text || '{}') as CliConfig & { HttpHeaders?: Record<string, string> }
    return { ...parsed, httpHeaders: parsed.HttpHeaders, directory }
  } catch (error) {
    throw new CliError(`${path} is not valid JSON: ${(error as Error).message}`)
  }
}
