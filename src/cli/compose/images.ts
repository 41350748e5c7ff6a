import { defineCommand } from '../core/command.ts'
import { printRows, type Row } from '../render/format.ts'
import { humanSize } from '../render/units.ts'
import { containersOf } from './project.ts'

export const command = defineCommand({
  usage: '[OPTIONS] [SERVICE...]',
  args: [0, Infinity],
  flags: {
    format: { type: 'string', default: 'table', help: 'Format the output. Values: [table | json]' },
    quiet: { type: 'bool', short: 'q', help: 'Only display IDs' },
  },
  async run(context, input) {
    const { containers } = await containersOf(context, input, input.args)
    const rows: Row[] = await Promise.all(
      containers.map(async one => {
        const image = await context.client.images.inspect(one.imageId)
        const [repository = '<none>', tag = '<none>'] = /^(.*):([^:/]+)$/.exec(one.image)?.slice(1) ?? [
          one.image,
          'latest',
        ]
        const id = one.imageId.replace('sha256:', '').slice(0, 12)
        return { ContainerName: one.name, Repository: repository, Tag: tag, ID: id, Size: humanSize(image.Size ?? 0) }
      }),
    )
    const headings = { ContainerName: 'CONTAINER', Repository: 'REPOSITORY', Tag: 'TAG', ID: 'IMAGE ID', Size: 'SIZE' }
    printRows(context, rows, { headings, columns: Object.keys(headings), quiet: 'ID' }, input.flags)
  },
})
