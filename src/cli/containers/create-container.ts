import { BerthError } from '#lib/errors.ts'
import type { ContainerCreateRequest } from '#wire/index.ts'
import { CliError } from '../core/command.ts'
import type { Context } from '../core/context.ts'
import { checkReference } from '../images/check-reference.ts'
import type { CreateFlags } from './options/request.ts'

// Not imported: see core/config.ts.
const { existsSync, writeFileSync } = process.getBuiltinModule('node:fs')

/** Creates the container, pulling its image when that is missing (or asked for), and writes the id file. */
export async function createContainer(
  context: Context,
  request: ContainerCreateRequest,
  flags: CreateFlags,
): Promise<string> {
  const { client } = context
  const image = request.Image!
  if (!['always', 'missing', 'never'].includes(flags.pull)) {
    throw new CliError(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`, 125)
  }
  checkReference(image, 125)
  if (flags.cidfile !== '' && existsSync(flags.cidfile)) {
    throw new CliError(
      `container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`,
      125,
    )
  }
  const options = { name: flags.name || undefined, platform: flags.platform || undefined }
  const create = () => client.containers.create(request, options)
  if (flags.pull === 'always') await pull(context, image, flags)
  let created
  try {
    created = await create()
  } catch (error) {
    if (flags.pull !== 'missing' || !isMissingImage(error, image)) throw error
    if (!flags.quiet) context.warn(`Unable to find image '${familiarName(image)}' locally`)
    await pull(context, image, flags)
    created = await create()
  }
  for (const warning of created.Warnings ?? []) context.warn(`WARNING: ${warning}`)
  if (flags.cidfile !== '') writeFileSync(flags.cidfile, created.Id)
  return created.Id
}

function isMissingImage(error: unknown, image: string): boolean {
  if (!(error instanceof BerthError) || error.kind !== 'not-found') return false
  return /no such image/i.test(error.message) || error.message.includes(image)
}

/** With the tag that is meant: `busybox:latest`. */
function familiarName(image: string): string {
  return image.includes('@') || /:[^/]*$/.test(image) ? image : `${image}:latest`
}

async function pull(context: Context, image: string, flags: CreateFlags): Promise<void> {
  const { pullImage } = await import('../images/pull-image.ts')
  // Progress goes to stderr: stdout is the container's.
  await pullImage(context, image, { platform: flags.platform || undefined, quiet: flags.quiet, to: context.stderr })
}
