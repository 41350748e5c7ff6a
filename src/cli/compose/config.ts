import { stringify } from 'yaml'
import { serviceHash } from '#compose/hash.ts'
import { CliError, defineCommand, unsupportedFormat } from '../core/command.ts'
import { canonical } from '#compose/canonical.ts'
import { load } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    format: { type: 'string', default: 'yaml', help: 'Format the output. Values: [yaml | json]' },
    hash: { type: 'string', help: 'Print the service config hash, one per line.' },
    images: { type: 'bool', help: 'Print the image names, one per line.' },
    networks: { type: 'bool', help: 'Print the network names, one per line.' },
    profiles: { type: 'bool', help: 'Print the profile names, one per line.' },
    quiet: { type: 'bool', short: 'q', help: "Only validate the configuration, don't print anything" },
    services: { type: 'bool', help: 'Print the service names, one per line.' },
    volumes: { type: 'bool', help: 'Print the volume names, one per line.' },
  },
  async run(context, input) {
    const { flags, args } = input
    const project = await load(context, input, args)
    for (const name of args) if (!project.services[name]) throw new CliError(`no such service: ${name}`)
    const services = Object.values(project.services).filter(one => args.length === 0 || args.includes(one.name))
    const print = (lines: Iterable<string>) => {
      for (const line of lines) context.print(line)
    }
    if (flags.quiet) return
    if (flags.services) return print(services.map(one => one.name))
    if (flags.volumes) return print(Object.keys(project.volumes))
    if (flags.networks) return print(Object.keys(project.networks))
    if (flags.images) return print(services.map(one => one.image ?? ''))
    if (flags.profiles) return print(new Set(services.flatMap(one => one.profiles)))
    if (flags.hash) {
      const wanted = services.filter(one => flags.hash === '*' || flags.hash.split(',').includes(one.name))
      return print(wanted.map(one => `${one.name} ${serviceHash(project, one)}`))
    }
    const document = canonical(project, services)
    if (flags.format === 'json') context.print(JSON.stringify(document, null, 2))
    else if (flags.format === 'yaml') context.stdout.write(stringify(document, { lineWidth: 0 }))
    else throw unsupportedFormat(flags.format, ['yaml', 'json'])
  },
})
