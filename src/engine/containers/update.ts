import { invalid } from '#lib/errors.ts'
import type { ContainerChange, HostConfig, Resources } from '#model/config.ts'
import { isAlive } from '#model/container-state.ts'
import { publish, type Context } from './context.ts'
import { changedAnnotations, changeEgress } from './egress.ts'
import { checkLimits, checkRestartPolicy } from './create/limits.ts'
import { ownerOf } from './owner.ts'
import { changedPorts } from './publish.ts'
import { ociResources } from './spec/resources.ts'

/** `POST /containers/{id}/update`: limits (at once when it runs) and restart policy. Fields that are 0 stay. */
export function update(ctx: Context, reference: string, change: ContainerChange): Promise<{ warnings: string[] }> {
  const { id } = ctx.records.find(reference)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    const prefix = `Cannot update container ${id}: `
    if (record.state.kind === 'removing')
      throw invalid(`${prefix}container is marked for removal and cannot be "update"`)
    const {
      RestartPolicy: policy,
      PublishAdd: add = {},
      PublishRemove: remove = {},
      Egress: egress,
      ...limits
    } = change
    const ports = changedPorts(record, add, remove)
    const given = withoutEmpty(limits)
    const merged: HostConfig = { ...record.hostConfig, ...given }
    // A new way of limiting CPUs takes the place of the old one.
    if (given.NanoCpus) Object.assign(merged, { CpuQuota: given.CpuQuota ?? 0, CpuPeriod: given.CpuPeriod ?? 0 })
    else if (given.CpuQuota ?? given.CpuPeriod) merged.NanoCpus = 0
    const swap = record.hostConfig.MemorySwap
    if (given.Memory && given.MemorySwap === undefined && swap > 0 && given.Memory > swap) {
      throw invalid(
        `${prefix}Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time`,
      )
    }
    const facts = ctx.host.facts()
    const host = { cpus: facts.cpus, controllers: ctx.cgroups.controllers }
    const { limits: hostConfig, warnings } = checkLimits(merged, host)
    if (policy?.Name) {
      hostConfig.RestartPolicy = policy
      checkRestartPolicy(hostConfig)
      if (hostConfig.AutoRemove && policy.Name !== 'no') {
        throw invalid('Restart policy cannot be updated because AutoRemove is enabled for the container')
      }
    }
    // Ports first: they are what may be refused.
    if (ports) Object.assign(hostConfig, { PortBindings: ports.bindings })
    const config = ports ? { ...record.config, ExposedPorts: ports.exposed } : record.config
    const published =
      ports && isAlive(record.state)
        ? { publishedPorts: await ctx.networks.republish(ownerOf({ ...record, config, hostConfig }), { add, remove }) }
        : {}
    if (egress !== undefined) {
      hostConfig.Annotations = changedAnnotations(hostConfig.Annotations, egress)
      await changeEgress(ctx, { ...record, config, hostConfig })
    }
    if (isAlive(record.state) && Object.keys(given).length > 0) {
      await ctx.runtime.update(id, ociResources(hostConfig))
    }
    publish(ctx, ctx.records.update(id, { hostConfig, config, ...published }), 'update')
    return { warnings }
  })
}

/** The API cannot tell "absent" from "zero": zero leaves as it is. */
function withoutEmpty(limits: Partial<Resources>): Partial<Resources> {
  const isSet = (value: unknown) =>
    value !== undefined &&
    value !== null &&
    value !== 0 &&
    value !== '' &&
    !(Array.isArray(value) && value.length === 0)
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => isSet(value)))
}
