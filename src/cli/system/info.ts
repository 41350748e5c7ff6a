import type { SystemInfo } from '#wire/index.ts'
import { defineCommand, INSPECT_FORMAT_HELP } from '../core/command.ts'
import { compileDocument } from '../render/format.ts'
import { bytesSize } from '../render/units.ts'
import { goJson } from '../template/print.ts'
import { berthVersion } from './version.ts'

export const command = defineCommand({
  usage: '[OPTIONS]',
  args: [0, 0],
  flags: {
    format: { type: 'string', short: 'f', help: INSPECT_FORMAT_HELP },
  },
  async run(context, { flags }) {
    const template = flags.format === '' ? undefined : flags.format === 'json' ? goJson : compileDocument(flags.format)
    const client = {
      Debug: context.globals.debug,
      Context: 'default',
      Version: berthVersion(),
      Plugins: [],
      Warnings: null,
    }
    const info = await context.client.system.info()
    if (template) {
      context.print(template({ ...info, ClientInfo: client }))
      return
    }
    context.print(`Client: Berth\n Version:    ${client.Version}\n Context:    default\n Debug Mode: ${client.Debug}\n`)
    context.print(serverLines(info).join('\n'))
    for (const warning of info.Warnings ?? []) context.warn(warning)
  },
})

function serverLines(info: SystemInfo): string[] {
  const list = (items: readonly string[] | null | undefined) => (items ?? []).join(' ')
  const lines = [
    'Server:',
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ` Server Version: ${info.ServerVersion}`,
    ` Storage Driver: ${info.Driver}`,
    ...(info.DriverStatus ?? []).map(([key, value]) => `  ${key}: ${value}`),
    ` Logging Driver: ${info.LoggingDriver}`,
    ` Cgroup Driver: ${info.CgroupDriver}`,
    ` Cgroup Version: ${info.CgroupVersion}`,
    ' Plugins:',
    `  Volume: ${list(info.Plugins?.Volume)}`,
    `  Network: ${list(info.Plugins?.Network)}`,
    `  Log: ${list(info.Plugins?.Log)}`,
    ` Swarm: ${info.Swarm?.LocalNodeState ?? 'inactive'}`,
    ` Runtimes: ${Object.keys(info.Runtimes ?? {})
      .sort()
      .join(' ')}`,
    ` Default Runtime: ${info.DefaultRuntime}`,
    ` Init Binary: ${info.InitBinary}`,
  ]
  if (info.SecurityOptions?.length) lines.push(' Security Options:', ...info.SecurityOptions.flatMap(securityLines))
  lines.push(
    ` Kernel Version: ${info.KernelVersion}`,
    ` Operating System: ${info.OperatingSystem}`,
    ` OSType: ${info.OSType}`,
    ` Architecture: ${info.Architecture}`,
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${bytesSize(info.MemTotal)}`,
    ` Name: ${info.Name}`,
    ` ID: ${info.ID}`,
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ` Experimental: ${info.ExperimentalBuild}`,
    ' Insecure Registries:',
    ...Object.values(info.RegistryConfig?.IndexConfigs ?? {})
      .filter(index => !index.Secure)
      .map(index => `  ${index.Name}`),
    ...(info.RegistryConfig?.InsecureRegistryCIDRs ?? []).map(cidr => `  ${cidr}`),
  )
  const mirrors = info.RegistryConfig?.Mirrors ?? []
  if (mirrors.length > 0) lines.push(' Registry Mirrors:', ...mirrors.map(mirror => `  ${mirror}`))
  lines.push(` Live Restore Enabled: ${info.LiveRestoreEnabled}`, '')
  return lines
}

/** `name=seccomp,profile=builtin` as two lines. */
function securityLines(option: string): string[] {
  const fields = option.split(',').map(field => field.split('=') as [string, string?])
  const name = fields.find(([key]) => key === 'name')?.[1] ?? option
  return [
    `  ${name}`,
    ...fields
      .filter(([key]) => key !== 'name')
      .map(([key, value]) => `   ${key === 'profile' ? 'Profile' : key}: ${value}`),
  ]
}
