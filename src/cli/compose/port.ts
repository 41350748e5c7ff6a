import { CliError, defineCommand } from '../core/command.ts'
import { containerOf } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] SERVICE PRIVATE_PORT',
  args: [2, 2],
  flags: {
    index: { type: 'int', help: 'Index of the container if service has multiple replicas' },
    protocol: { type: 'string', default: 'tcp', help: 'tcp or udp' },
  },
  async run(context, input) {
    const [service, port] = input.args as [string, string]
    const { id, name } = await containerOf(context, input, service, input.flags.index)
    const { NetworkSettings } = await context.client.containers.inspect(id)
    const bindings = NetworkSettings.Ports[`${port}/${input.flags.protocol}`]
    if (!bindings?.[0]) throw new CliError(`no port ${port}/${input.flags.protocol} for container ${name}`)
    context.print(`${bindings[0].HostIp}:${bindings[0].HostPort}`)
  },
})
