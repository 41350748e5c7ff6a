import { finish, registryOf } from '#client/index.ts'
import type { Context } from '../core/context.ts'
import { progressPrinter } from '../render/progress.ts'
import { credentialsFor } from '../registry/credentials.ts'

export interface PullImage {
  platform?: string
  allTags?: boolean
  quiet?: boolean
  /** Where progress goes. */
  to: NodeJS.WriteStream
}

/** Pulls with the user's credentials and shows the progress. */
export async function pullImage(context: Context, reference: string, options: PullImage): Promise<void> {
  const auth = await credentialsFor(context, registryOf(reference))
  const { platform, allTags } = options
  const lines = await context.client.images.pull(reference, { platform, allTags, auth })
  const printer = progressPrinter(options.to, { quiet: options.quiet ?? false })
  try {
    await finish(lines, line => printer.line(line))
  } finally {
    printer.end()
  }
}
