import type { Readable } from 'node:stream'
import type { ContainersService } from '#engine/containers/index.ts'
import { conflict, invalid } from '#lib/errors.ts'
import type { CaptureRequest, PacketCapture } from '#ports/capture.ts'
import type { ExplainOptions } from '../context.ts'
import { containerParty } from '../parties.ts'

export type CaptureQuestion = Omit<CaptureRequest, 'sandbox' | 'signal'>

export interface CaptureService {
  /**
   * What a container sends and gets, until the stream is destroyed, the signal aborts or the container ends.
   *
   * @throws not-found for the container or the tool, conflict when it does not run, invalid for a bad filter or interface
   */
  open(reference: string, question: CaptureQuestion, signal: AbortSignal): Promise<Readable>
}

const MAX_FILTER = 16_384
const MAX_SNAPLEN = 262_144

/** Packets of containers, with nothing of theirs used. */
export class NetworkCapture implements CaptureService {
  readonly #ctx: ExplainOptions & { containers: ContainersService }
  readonly #capture: PacketCapture

  constructor(options: ExplainOptions, capture: PacketCapture) {
    this.#ctx = options
    this.#capture = capture
  }

  async open(reference: string, question: CaptureQuestion, signal: AbortSignal): Promise<Readable> {
    check(question)
    const { containers } = this.#ctx
    const { id, name, sandbox, status } = containerParty(this.#ctx, containers.get(reference))
    if (sandbox === '' || status === 'exited' || status === 'created') {
      throw conflict(`container ${name.replace(/^\//, '')} is not running`)
    }
    const over = new AbortController()
    const end = () => over.abort()
    // Subscribed before the capture begins: `any` would not notice that the container's interfaces are gone, and would
    // keep its namespace alive.
    const { result } = await containers.wait(id, 'not-running', AbortSignal.any([signal, over.signal]))
    result.then(end, end)
    try {
      const request = { ...question, ...(sandbox !== undefined && { sandbox }), signal: over.signal }
      const packets = await this.#capture.start(request)
      packets.once('close', end)
      return packets
    } catch (error) {
      end()
      throw error
    }
  }
}

function check({ filter, interface: device, snaplen, count }: CaptureQuestion): void {
  if (filter.length > MAX_FILTER || filter.includes('\0')) throw invalid('invalid capture filter: it is too long')
  if (!/^[\w.@:-]{1,15}$/.test(device)) throw invalid(`invalid interface name "${device}"`)
  if (!Number.isInteger(snaplen) || snaplen < 0 || snaplen > MAX_SNAPLEN) {
    throw invalid(`invalid snapshot length: it must be 0 to ${MAX_SNAPLEN} bytes`)
  }
  if (!Number.isInteger(count) || count < 0 || count > 2 ** 31 - 1) {
    throw invalid('invalid count of packets: it must be 0 to 2147483647')
  }
}
