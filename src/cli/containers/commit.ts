import { splitReference } from '#client/index.ts'
import { defineCommand } from '../core/command.ts'
import { checkReference } from '../images/check-reference.ts'

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [REPOSITORY[:TAG]]',
  args: [1, 2],
  complete: 'container',
  flags: {
    author: { type: 'string', short: 'a', help: 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")' },
    change: { type: 'list', short: 'c', help: 'Apply Dockerfile instruction to the created image' },
    message: { type: 'string', short: 'm', help: 'Commit message' },
    pause: { type: 'bool', short: 'p', default: true, help: 'Pause container during commit' },
  },
  async run(context, { args, flags }) {
    const [container, reference = ''] = args
    if (reference !== '') checkReference(reference)
    const { repository, tag } = splitReference(reference)
    const { Id } = await context.client.containers.commit({
      container: container!,
      repo: repository || undefined,
      tag,
      comment: flags.message || undefined,
      author: flags.author || undefined,
      pause: flags.pause,
      changes: flags.change,
    })
    context.print(Id)
  },
})
