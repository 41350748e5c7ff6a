import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { invalid, notFound } from '#lib/errors.ts'

const NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml']
const OVERRIDES = [
  'compose.override.yaml',
  'compose.override.yml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
]

/** The files of a project, absolute: those given, those of COMPOSE_FILE, else the default ones here or in a parent. */
export async function findFiles(options: {
  files: string[]
  cwd: string
  env: Record<string, string | undefined>
  projectDirectory?: string
}): Promise<string[]> {
  if (options.files.length > 0) return options.files.map(file => (file === '-' ? '-' : resolve(options.cwd, file)))
  const fromEnv = options.env['COMPOSE_FILE']
  if (fromEnv) {
    return fromEnv.split(options.env['COMPOSE_PATH_SEPARATOR'] ?? ':').map(file => resolve(options.cwd, file))
  }
  let directory = resolve(options.cwd, options.projectDirectory ?? '.')
  if (!existsSync(directory)) throw invalid(`the project directory ${directory} does not exist`)
  for (;;) {
    const main = NAMES.find(name => existsSync(join(directory, name)))
    if (main) {
      const override = OVERRIDES.find(name => existsSync(join(directory, name)))
      return [join(directory, main), ...(override ? [join(directory, override)] : [])]
    }
    const parent = dirname(directory)
    if (parent === directory) throw notFound('no configuration file provided: not found')
    directory = parent
  }
}
