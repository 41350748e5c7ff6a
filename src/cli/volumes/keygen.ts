import { open } from 'node:fs/promises'
import { generateKey } from '#targets/index.ts'
import { CliError, defineCommand } from '../core/command.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  description: `Make a key for encrypted backups

The recipient (age1…) encrypts: give it to berth volume backup --encrypt-to. The identity (AGE-SECRET-KEY-1…) decrypts: keep it where the backups are not, for berth volume restore --identity. Both are those of age(1).

  berth volume keygen -o backup.key`,
  flags: {
    output: { type: 'string', short: 'o', help: 'Write to a new file, for its owner only', complete: 'file' },
  },
  async run(context, { flags }) {
    const { identity, recipient } = await generateKey()
    const text = `# created: ${new Date().toISOString()}\n# public key: ${recipient}\n${identity}\n`
    if (flags.output === '') {
      context.stdout.write(text)
      return
    }
    try {
      const file = await open(flags.output, 'wx', 0o600)
      await file.writeFile(text)
      await file.close()
    } catch (error) {
      const there = (error as NodeJS.ErrnoException).code === 'EEXIST'
      throw new CliError(
        there
          ? `${flags.output} exists already: a key is never overwritten`
          : `cannot write ${flags.output}: ${(error as Error).message}`,
      )
    }
    context.print(`Public key: ${recipient}`)
  },
})
