import { CliError, defineCommand } from '../core/command.ts'
import { compareText } from '../render/order.ts'

export const command = defineCommand({
  usage: 'CONTAINER [PRIVATE_PORT[/PROTO]]',
  args: [1, 2],
  complete: 'running-container',
  flags: {},
  async run(context, { args }) {
    const [name, wanted] = args
    const { NetworkSettings } = await context.client.containers.inspect(name!)
    const ports = NetworkSettings.Ports ?? {}
    const address = (ip: string, port: string) => (ip.includes(':') ? `[${ip}]:${port}` : `${ip}:${port}`)
    if (wanted !== undefined) {
      const [number, protocol = 'tcp'] = wanted.split('/') as [string, string?]
      if (!/^\d+$/.test(number)) throw new CliError(`Error: invalid port (${number})`)
      const bindings = ports[`${number}/${protocol}`]
      if (!bindings?.length) throw new CliError(`Error: No public port '${wanted}' published for ${name}`)
      for (const { HostIp, HostPort } of bindings) context.print(address(HostIp, HostPort))
      return
    }
    const number = (key: string) => Number.parseInt(key, 10)
    for (const key of Object.keys(ports).toSorted((a, b) => number(a) - number(b) || compareText(a, b))) {
      for (const { HostIp, HostPort } of ports[key] ?? []) context.print(`${key} -> ${address(HostIp, HostPort)}`)
    }
  },
})
