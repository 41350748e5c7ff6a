import { mkdir, rename, writeFile } from 'node:fs/promises'

/** Replaces `config.json` in one step, readable by its owner only; keys that Berth does not know stay. */
export async function writeDockerConfig(directory: string, config: Record<string, unknown>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = `${directory}/config.json`
  const temporary = `${path}.${process.pid}.tmp`
  await writeFile(temporary, `${JSON.stringify(config, null, '\t')}\n`, { mode: 0o600 })
  await rename(temporary, path)
}
