import { conflict, invalid } from '#lib/errors.ts'
import type { PortBinding } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'

type Bindings = Record<string, PortBinding[]>

/**
 * The port bindings that a container will have; undefined when nothing changes.
 * @throws invalid for a port that is not published, or a network mode that publishes nothing
 */
export function changedPorts(
  record: ContainerRecord,
  add: Bindings,
  remove: Bindings,
): { bindings: Bindings; exposed: Record<string, Record<string, never>> } | undefined {
  if (Object.keys(add).length === 0 && Object.keys(remove).length === 0) return undefined
  const { hostConfig, config, name } = record
  const mode = hostConfig.NetworkMode
  if (mode === 'host' || mode === 'none' || mode.startsWith('container:')) {
    throw invalid(`container ${name} has network mode ${mode}, which publishes no ports: use a network of its own`)
  }
  const bindings: Bindings = Object.fromEntries(
    Object.entries(hostConfig.PortBindings ?? {}).map(([port, list]) => [port, [...(list ?? [])]]),
  )
  for (const [port, list] of Object.entries(remove)) {
    for (const wanted of list) {
      const have = bindings[port] ?? []
      const kept = have.filter(binding => !isMeant(binding, wanted))
      const live = record.publishedPorts.some(
        one =>
          `${one.containerPort}/${one.protocol}` === port &&
          (!wanted.HostPort || String(one.hostPort) === wanted.HostPort),
      )
      if (kept.length === have.length && !live) {
        const at = wanted.HostPort ? `${wanted.HostPort}:` : ''
        throw invalid(`container ${name} does not publish ${at}${port}`)
      }
      if (kept.length === have.length) {
        const at = kept.findIndex(binding => mayHaveGot(binding, wanted))
        if (at >= 0) kept.splice(at, 1)
      }
      if (kept.length > 0) bindings[port] = kept
      else delete bindings[port]
    }
  }
  for (const [port, list] of Object.entries(add)) {
    const have = (bindings[port] ??= [])
    for (const binding of list) {
      if (have.some(one => isSame(one, binding)) && binding.HostPort) {
        throw conflict(`container ${name} publishes ${binding.HostPort}:${port} already`)
      }
      have.push(binding)
    }
  }
  const exposed = { ...config.ExposedPorts, ...Object.fromEntries(Object.keys(add).map(port => [port, {}])) }
  return { bindings, exposed }
}

const isSame = (a: PortBinding, b: PortBinding): boolean =>
  (a.HostIp ?? '') === (b.HostIp ?? '') && (a.HostPort ?? '') === (b.HostPort ?? '')

/** A wish without an address or a port means any. */
const isMeant = (binding: PortBinding, wanted: PortBinding): boolean =>
  (!wanted.HostIp || wanted.HostIp === binding.HostIp) && (!wanted.HostPort || wanted.HostPort === binding.HostPort)

/** An ephemeral binding, and one of a range, are known by the port that they got. */
function mayHaveGot({ HostPort }: PortBinding, wanted: PortBinding): boolean {
  if (!HostPort) return true
  const [low, high = low] = HostPort.split('-').map(Number)
  return Number(wanted.HostPort) >= low! && Number(wanted.HostPort) <= high!
}
