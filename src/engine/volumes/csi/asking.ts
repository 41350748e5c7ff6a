import { BerthError, isKind, system, unavailable } from '#lib/errors.ts'
import type { Clock } from '#lib/clock.ts'
import type { Csi, CsiCalls, CsiMethod, CsiTopology } from '#ports/csi.ts'
import type { Repository } from '#ports/store.ts'

/** What a driver is and can, as it last said. */
export interface DriverInfo {
  name: string
  version: string
  /** `CONTROLLER_SERVICE`, and `ONLINE` or `OFFLINE` for expansion. */
  plugin: string[]
  controller: string[]
  node: string[]
  nodeId: string
  topology: CsiTopology | undefined
}

/** Milliseconds: for what is only told, and for what may make, move or mount data. */
const SHORT = 10_000
const LONG = 120_000
/** How long what a driver said of itself is believed. */
const FRESH = 60_000
/** How long a driver that has just gone is waited for: it may be starting anew. */
const GONE = 2000
/** How long one is asked again that has something else to do with the volume first. */
const BUSY = 60_000

export interface AskingDeps {
  csi: Csi
  clock: Clock
  /** By driver; what `inspect` shows without asking. */
  infos: Repository<DriverInfo>
}

/** Calls to one driver, with the manners that the specification asks of callers. */
export class Asking {
  readonly driver: string
  readonly #deps: AskingDeps
  #info: { at: number; info: DriverInfo } | undefined

  constructor(driver: string, deps: AskingDeps) {
    this.driver = driver
    this.#deps = deps
  }

  /** As it last said, without asking. */
  get known(): DriverInfo | undefined {
    return this.#deps.infos.get(this.driver)
  }

  /**
   * @param how.once ask only once, and not for longer than `timeoutMs`
   * @throws system in the driver's words; unavailable when it is not there
   */
  async ask<M extends CsiMethod>(
    method: M,
    request: CsiCalls[M][0],
    how: { once?: boolean; timeoutMs?: number } = {},
  ): Promise<CsiCalls[M][1]> {
    const { csi, clock } = this.#deps
    const began = clock.now()
    for (let pause = 250; ; pause = Math.min(pause * 2, 8000)) {
      try {
        return await csi.call(this.driver, method, request, { timeoutMs: how.timeoutMs ?? LONG })
      } catch (error) {
        const patience = how.once ? 0 : patienceWith(error)
        if (codeOf(error) === 'UNAVAILABLE') this.#info = undefined
        if (clock.now() - began + pause > patience) throw reworded(error)
        await clock.sleep(pause)
      }
    }
  }

  /** @throws unavailable when it is not ready; system when it says of itself what makes no sense */
  async info(how: { once?: boolean; timeoutMs?: number } = {}): Promise<DriverInfo> {
    const { clock, infos } = this.#deps
    if (this.#info && clock.now() - this.#info.at < FRESH) return this.#info.info
    const short = { timeoutMs: SHORT, ...how }
    const { name, vendor_version: version } = await this.ask('Identity.GetPluginInfo', {}, short)
    if (name === '') throw system(`csi driver "${this.driver}" does not say its name`)
    const { ready } = await this.ask('Identity.Probe', {}, short)
    if (ready && !ready.value) throw unavailable(`csi driver "${this.driver}" is not ready yet: try again`)
    const { capabilities } = await this.ask('Identity.GetPluginCapabilities', {}, short)
    const plugin = capabilities.flatMap(({ service, volume_expansion: expansion }) =>
      [service?.type, expansion?.type].flatMap(type => (type === undefined ? [] : String(type))),
    )
    const none = { capabilities: [] }
    const controller = plugin.includes('CONTROLLER_SERVICE')
      ? await this.ask('Controller.ControllerGetCapabilities', {}, short)
      : none
    const node = await this.ask('Node.NodeGetCapabilities', {}, short)
    const self = await this.ask('Node.NodeGetInfo', {}, short).catch((error: unknown) => {
      // Needed only by drivers whose controller attaches volumes.
      if (codeOf(error) === 'UNIMPLEMENTED') return undefined
      throw error
    })
    const info: DriverInfo = {
      name,
      version,
      plugin,
      controller: typesOf(controller),
      node: typesOf(node),
      nodeId: self?.node_id ?? '',
      topology: self?.accessible_topology ?? undefined,
    }
    this.#info = { at: clock.now(), info }
    if (JSON.stringify(infos.get(this.driver)) !== JSON.stringify(info)) infos.put(this.driver, info)
    return info
  }
}

const typesOf = ({ capabilities }: { capabilities: { rpc: { type: string } | null }[] }): string[] =>
  capabilities.flatMap(({ rpc }) => (rpc ? String(rpc.type) : []))

/** gRPC's name of what went wrong; '' when it was not the driver's answer. */
export function codeOf(error: unknown): string {
  const code = error instanceof BerthError ? error.details['code'] : undefined
  return typeof code === 'string' ? code : ''
}

/** Whether what was asked for may have been done all the same: no answer came, or one that does not say. */
export function isUncertain(error: unknown): boolean {
  return ['DEADLINE_EXCEEDED', 'UNAVAILABLE', 'CANCELLED', 'ABORTED'].includes(codeOf(error))
}

function patienceWith(error: unknown): number {
  if (isKind(error, 'not-found') || codeOf(error) === 'UNAVAILABLE') return GONE
  return codeOf(error) === 'ABORTED' ? BUSY : 0
}

/** What each code means to whoever asked, beside the driver's own words. */
const MEANS: Readonly<Record<string, string>> = {
  ABORTED: 'it is still busy with the volume',
  ALREADY_EXISTS: 'there is one that is not the same',
  FAILED_PRECONDITION: 'the volume is not in a state for that, or in use elsewhere',
  RESOURCE_EXHAUSTED: 'it has no room, or this machine has all the volumes that it may have',
  OUT_OF_RANGE: 'the size is not possible',
  UNIMPLEMENTED: 'the driver cannot do that',
  UNAUTHENTICATED: 'its secrets are missing or wrong (secret-file)',
  PERMISSION_DENIED: 'its secrets do not allow it (secret-file)',
}

function reworded(error: unknown): unknown {
  const code = codeOf(error)
  if (!(error instanceof BerthError) || code === '') return error
  const means = MEANS[code]
  const kind =
    code === 'INVALID_ARGUMENT' || code === 'OUT_OF_RANGE'
      ? 'invalid'
      : code === 'UNAVAILABLE'
        ? 'unavailable'
        : 'system'
  return new BerthError(kind, means ? `${error.message}: ${means}` : error.message, { details: error.details })
}
