import { CLIENT_API_VERSION } from '#client/index.ts'
import { CliError, defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { errorText } from '../core/report.ts'
import { compileDocument } from '../render/format.ts'
import { goJson } from '../template/print.ts'

export function berthVersion(): string {
  const { readFileSync } = process.getBuiltinModule('node:fs')
  const path = new URL('../../../package.json', import.meta.url)
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version
}

export function versionLine(): string {
  return `Berth version ${berthVersion()}, node ${process.version}`
}

const ARCHITECTURES: Record<string, string> = { x64: 'amd64', ia32: '386' }

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
  },
  async run(context, { flags }) {
    const template = flags.format === '' ? undefined : flags.format === 'json' ? goJson : compileDocument(flags.format)
    const arch = ARCHITECTURES[process.arch] ?? process.arch
    const client = {
      Version: berthVersion(),
      ApiVersion: CLIENT_API_VERSION,
      DefaultAPIVersion: CLIENT_API_VERSION,
      NodeVersion: process.version,
      Os: process.platform,
      Arch: arch,
      Context: 'default',
    }
    let server
    let failure: unknown
    try {
      server = await context.client.system.version()
    } catch (error) {
      failure = error
    }
    if (server) client.ApiVersion = context.client.transport.version || client.ApiVersion
    if (template) {
      if (failure && /\.Server\b/.test(flags.format)) throw new CliError(errorText(failure))
      context.print(template({ Client: client, Server: server ?? null }))
    } else {
      const lines = [
        'Client: Berth',
        ` Version:           ${client.Version}`,
        ` API version:       ${client.ApiVersion}`,
        ` Node version:      ${client.NodeVersion}`,
        ` OS/Arch:           ${client.Os}/${client.Arch}`,
        ` Context:           ${client.Context}`,
      ]
      if (server) {
        lines.push('', `Server: ${server.Platform?.Name ?? ''}`)
        const components = server.Components ?? []
        if (components.length === 0) {
          lines.push(` Version:          ${server.Version}`, ` API version:      ${server.ApiVersion}`)
        }
        for (const { Name, Version, Details } of components) {
          lines.push(` ${Name}:`, `  Version:          ${Version}`)
          const { ApiVersion, MinAPIVersion, Os, Arch, ...rest } = Details ?? {}
          if (ApiVersion) lines.push(`  API version:      ${ApiVersion} (minimum version ${MinAPIVersion})`)
          if (Os) lines.push(`  OS/Arch:          ${Os}/${Arch}`)
          for (const [key, value] of Object.entries(rest)) {
            if (value && value !== 'false') lines.push(`  ${`${spaced(key)}:`.padEnd(18)}${value}`)
          }
        }
      }
      context.print(lines.join('\n'))
    }
    if (failure) throw new CliError(errorText(failure))
  },
})

/** `KernelVersion` as people read it. */
function spaced(key: string): string {
  const words = key.replace(/([a-z])([A-Z])/g, '$1 $2').split(' ')
  return words.map((word, i) => (i === 0 ? word : word.toLowerCase())).join(' ')
}
