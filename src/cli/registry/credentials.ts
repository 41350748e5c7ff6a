import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { AuthConfig } from '#wire/index.ts'
import { CliError } from '../core/command.ts'

/** Docker Hub's key in the config file, from the time when it was an index. */
export const HUB_KEY = 'https://index.docker.io/v1/'

export interface DockerConfig {
  auths?: Record<
    string,
    { auth?: string; username?: string; password?: string; identitytoken?: string; registrytoken?: string }
  >
  credsStore?: string
  credHelpers?: Record<string, string>
}

/** Only what is needed of a command's context, so that compose can use this as well. */
export interface CredentialsSource {
  globals: { configDirectory: string }
}

export async function readDockerConfig(directory: string): Promise<DockerConfig & Record<string, unknown>> {
  let text: string
  try {
    text = await readFile(`${directory}/config.json`, 'utf8')
  } catch {
    return {}
  }
  try {
    return JSON.parse(text || '{}') as DockerConfig & Record<string, unknown>
  } catch (error) {
    throw new CliError(`${directory}/config.json is not valid JSON: ${(error as Error).message}`)
  }
}

/** The key under which a registry's credentials are kept. */
export function configKey(registry: string): string {
  return registry === 'docker.io' || registry === 'index.docker.io' || registry === '' ? HUB_KEY : registry
}

/** What the user once logged in with; undefined for a registry without. @param registry as `registryOf` says */
export async function credentialsFor(source: CredentialsSource, registry: string): Promise<AuthConfig | undefined> {
  const config = await readDockerConfig(source.globals.configDirectory)
  const key = configKey(registry)
  const helper = config.credHelpers?.[registry] ?? config.credHelpers?.[key] ?? config.credsStore
  if (helper) {
    const found = await fromHelper(helper, key)
    if (found) return found
  }
  const bare = (text: string) => text.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
  const auths = config.auths ?? {}
  const entry = auths[key] ?? Object.entries(auths).find(([name]) => bare(name) === bare(key))?.[1]
  if (!entry) return undefined
  const auth: AuthConfig = { serveraddress: key }
  if (entry.auth) {
    const decoded = Buffer.from(entry.auth, 'base64').toString()
    const colon = decoded.indexOf(':')
    if (colon < 0)
      throw new CliError(
        `the credentials of ${registry} in config.json are not "user:password" in base64: log in again`,
      )
    auth.username = decoded.slice(0, colon)
    auth.password = decoded.slice(colon + 1).replace(/\0+$/, '')
  }
  if (entry.username) auth.username = entry.username
  if (entry.password) auth.password = entry.password
  if (entry.identitytoken) auth.identitytoken = entry.identitytoken
  if (entry.registrytoken) auth.registrytoken = entry.registrytoken
  return auth.username || auth.identitytoken || auth.registrytoken ? auth : undefined
}

async function fromHelper(helper: string, server: string): Promise<AuthConfig | undefined> {
  const answer = await callHelper(helper, 'get', server)
  if (answer === undefined) return undefined
  const { Username, Secret } = JSON.parse(answer) as { Username: string; Secret: string }
  return Username === '<token>'
    ? { identitytoken: Secret, serveraddress: server }
    : { username: Username, password: Secret, serveraddress: server }
}

/**
 * Runs `docker-credential-HELPER ACTION`. @returns undefined when it knows no credentials
 * @throws CliError when the helper fails in another way
 */
export function callHelper(
  helper: string,
  action: 'get' | 'store' | 'erase',
  input: string,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const child = execFile(`docker-credential-${helper}`, [action], (error, stdout, stderr) => {
      if (!error) return resolve(stdout)
      const said = `${stdout}${stderr}`.trim()
      if (/credentials not found/i.test(said)) return resolve(undefined)
      const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it is not installed' : said || error.message
      reject(new CliError(`error getting credentials: docker-credential-${helper}: ${reason}`))
    })
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}
