import { defineCommand } from '../core/command.ts'
import { callHelper, configKey, HUB_KEY, readDockerConfig } from '../registry/credentials.ts'
import { writeDockerConfig } from '../registry/write-config.ts'

export const command = defineCommand({
  usage: '[SERVER]',
  args: [0, 1],
  description: 'Log out from a registry.\nDefaults to Docker Hub if no server is specified.',
  flags: {},
  async run(context, { args }) {
    const directory = context.globals.configDirectory
    const server = args[0]?.replace(/^https?:\/\//, '').replace(/\/$/, '') ?? 'docker.io'
    const key = configKey(server)
    const config = await readDockerConfig(directory)
    const helper = config.credHelpers?.[key === HUB_KEY ? 'docker.io' : key] ?? config.credsStore
    const { [key]: found, ...auths } = config.auths ?? {}
    if (!found) {
      context.print(`Not logged in to ${server}`)
      return
    }
    context.print(`Removing login credentials for ${server}`)
    if (helper) await callHelper(helper, 'erase', key)
    await writeDockerConfig(directory, { ...config, auths })
  },
})
