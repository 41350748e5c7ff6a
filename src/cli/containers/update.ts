import type { ContainerUpdateRequest } from '#wire/index.ts'
import { CliError, defineCommand, type FlagTable } from '../core/command.ts'
import { forEach } from '../core/each.ts'
import { CREATE_FLAGS } from './options/flags.ts'
import { parseRestart } from './options/limits.ts'
import { parsePorts } from './options/ports.ts'

const FLAGS = {
  'blkio-weight': CREATE_FLAGS['blkio-weight'],
  'cpu-period': CREATE_FLAGS['cpu-period'],
  'cpu-quota': CREATE_FLAGS['cpu-quota'],
  'cpu-rt-period': CREATE_FLAGS['cpu-rt-period'],
  'cpu-rt-runtime': CREATE_FLAGS['cpu-rt-runtime'],
  'cpu-shares': CREATE_FLAGS['cpu-shares'],
  cpus: CREATE_FLAGS.cpus,
  'cpuset-cpus': CREATE_FLAGS['cpuset-cpus'],
  'cpuset-mems': CREATE_FLAGS['cpuset-mems'],
  egress: {
    type: 'string',
    help: 'What the container may reach outside from now on ("allow=…"; "" takes the policy away)',
  },
  memory: CREATE_FLAGS.memory,
  'memory-reservation': CREATE_FLAGS['memory-reservation'],
  'memory-swap': CREATE_FLAGS['memory-swap'],
  'pids-limit': CREATE_FLAGS['pids-limit'],
  'publish-add': { type: 'strings', help: "Publish a container's port to the host, without a restart" },
  'publish-rm': { type: 'strings', help: 'Stop publishing a port, without a restart' },
  restart: { ...CREATE_FLAGS.restart, default: '' },
} as const satisfies FlagTable

/** Only what was given is sent: the daemon leaves the rest as it is. */
const FIELDS = {
  'blkio-weight': 'BlkioWeight',
  'cpu-period': 'CpuPeriod',
  'cpu-quota': 'CpuQuota',
  'cpu-rt-period': 'CpuRealtimePeriod',
  'cpu-rt-runtime': 'CpuRealtimeRuntime',
  'cpu-shares': 'CpuShares',
  cpus: 'NanoCpus',
  'cpuset-cpus': 'CpusetCpus',
  'cpuset-mems': 'CpusetMems',
  memory: 'Memory',
  'memory-reservation': 'MemoryReservation',
  'memory-swap': 'MemorySwap',
  'pids-limit': 'PidsLimit',
} as const

export const command = defineCommand({
  usage: '[OPTIONS] CONTAINER [CONTAINER...]',
  args: [1, Infinity],
  complete: 'container',
  flags: FLAGS,
  async run(context, { args, flags, changed }) {
    if (changed.size === 0) throw new CliError('you must provide one or more flags when using this command')
    const change: Record<string, unknown> = {}
    for (const name of Object.keys(FIELDS) as (keyof typeof FIELDS)[]) {
      if (changed.has(name)) change[FIELDS[name]] = flags[name]
    }
    if (changed.has('restart')) change['RestartPolicy'] = parseRestart(flags.restart)
    if (changed.has('publish-add')) change['PublishAdd'] = parsePorts(flags['publish-add'], []).bindings
    if (changed.has('publish-rm')) change['PublishRemove'] = parsePorts(flags['publish-rm'], []).bindings
    if (changed.has('egress')) change['Egress'] = flags.egress
    await forEach(context, args, async name => {
      const { Warnings } = await context.client.containers.update(name, change as ContainerUpdateRequest)
      for (const warning of Warnings ?? []) context.warn(warning)
      return name
    })
  },
})
