import { isKind } from '#lib/errors.ts'
import { CliError, defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { inspectAll } from './inspect-all.ts'

const TYPES = ['container', 'image', 'network', 'volume'] as const
type ObjectType = (typeof TYPES)[number]

function find(context: Context, type: ObjectType, name: string, size: boolean): Promise<unknown> {
  const { client } = context
  switch (type) {
    case 'container':
      return client.containers.inspect(name, { size: size || undefined })
    case 'image':
      return client.images.inspect(name)
    case 'network':
      return client.networks.inspect(name)
    case 'volume':
      return client.volumes.inspect(name)
  }
}

export const command = defineCommand({
  usage: '[OPTIONS] NAME|ID [NAME|ID...]',
  args: [1, Infinity],
  complete: 'container',
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
    size: { type: 'bool', short: 's', help: 'Display total file sizes if the type is container' },
    type: { type: 'string', help: 'Only inspect objects of the given type', complete: TYPES },
  },
  async run(context, { args, flags, changed }) {
    if (changed.has('type') && !TYPES.includes(flags.type as ObjectType)) {
      throw new CliError(`${JSON.stringify(flags.type)} is not a valid value for --type`)
    }
    const types = flags.type === '' ? TYPES : [flags.type as ObjectType]
    if (types.length === 1) {
      return inspectAll(context, args, flags.format, name => find(context, types[0]!, name, flags.size))
    }
    await inspectAll(context, args, flags.format, async name => {
      for (const type of types) {
        try {
          return await find(context, type, name, flags.size)
        } catch (error) {
          // A name that another type's rules forbid is not found there either.
          if (!isKind(error, 'not-found') && !isKind(error, 'invalid')) throw error
        }
      }
      throw new CliError(`Error: No such object: ${name}`)
    })
  },
})
