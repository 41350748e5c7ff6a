import type { AuthConfig } from '#wire/index.ts'
import { CliError, defineCommand } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { ask } from '../core/ask.ts'
import { callHelper, configKey, HUB_KEY, readDockerConfig } from '../registry/credentials.ts'
import { writeDockerConfig } from '../registry/write-config.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVER]',
  args: [0, 1],
  description: 'Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.',
  flags: {
    password: { type: 'string', short: 'p', help: 'Password or Personal Access Token (PAT)' },
    'password-stdin': { type: 'bool', help: 'Take the Password or Personal Access Token (PAT) from stdin' },
    username: { type: 'string', short: 'u', help: 'Username' },
  },
  async run(context, { args, flags, changed }) {
    if (changed.has('password') && flags['password-stdin']) {
      throw new CliError('conflicting options: cannot specify both --password and --password-stdin')
    }
    if (changed.has('password'))
      context.warn('WARNING! Using --password via the CLI is insecure. Use --password-stdin.')
    if (flags['password-stdin'] && flags.username === '') {
      throw new CliError('the --password-stdin option requires --username to be set')
    }
    const server = args[0]?.replace(/^https?:\/\//, '').replace(/\/$/, '') ?? 'docker.io'
    const key = configKey(server)
    const auth: AuthConfig = { serveraddress: key, username: flags.username, password: flags.password }
    if (flags['password-stdin']) auth.password = (await readAll(context)).replace(/\r?\n$/, '')
    if (!auth.username || !auth.password) {
      if (!context.stdin.isTTY) throw new CliError('cannot perform an interactive login from a non-TTY device')
      auth.username ||= await ask(context, 'Username: ')
      auth.password ||= await ask(context, 'Password: ', { hidden: true })
    }
    if (!auth.username) throw new CliError('username is empty')
    if (!auth.password) throw new CliError('password is empty')
    const answer = await context.client.system.auth(auth)
    await store(context, key, auth, answer.IdentityToken)
    context.print(answer.Status || 'Login Succeeded')
  },
})

async function store(context: Context, key: string, auth: AuthConfig, token: string): Promise<void> {
  const directory = context.globals.configDirectory
  const config = await readDockerConfig(directory)
  const helper = config.credHelpers?.[key === HUB_KEY ? 'docker.io' : key] ?? config.credsStore
  const auths = { ...config.auths }
  if (helper) {
    const secret = { ServerURL: key, Username: token ? '<token>' : auth.username, Secret: token || auth.password }
    await callHelper(helper, 'store', JSON.stringify(secret))
    auths[key] = {}
  } else {
    auths[key] = token
      ? { auth: Buffer.from(`${auth.username}:`).toString('base64'), identitytoken: token }
      : { auth: Buffer.from(`${auth.username}:${auth.password}`).toString('base64') }
    context.warn(`\nWARNING! Your credentials are stored unencrypted in '${directory}/config.json'.\n`)
  }
  await writeDockerConfig(directory, { ...config, auths })
}

async function readAll(context: Context): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of context.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}
