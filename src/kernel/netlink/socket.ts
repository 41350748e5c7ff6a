import { system } from '#lib/errors.ts'
import {
  type NetlinkMessage,
  type NetlinkRequest,
  NLMSG_DONE,
  NLMSG_ERROR,
  decodeAck,
  decodeMessages,
  encodeMessages,
  isInterrupted,
} from '#codec/netlink/message.ts'
import { errnoError, hasErrno } from '#kernel/ffi/errno.ts'
import * as libc from '#kernel/ffi/libc.ts'
import type { Lane } from './lane.ts'

export const NETLINK_ROUTE = 0
export const NETLINK_NETFILTER = 12

const SOL_NETLINK = 270
const NETLINK_CAP_ACK = 10
const NETLINK_EXT_ACK = 11
const BUFFER_BYTES = 64 * 1024
const DUMP_ATTEMPTS = 5

/**
 * A netlink socket of the namespace in which it was constructed. The kernel works on a request inside send(2), where it
 * may wait for the RTNL lock as long as somebody else's deletion takes: so sends run on a pool thread. Replies are there
 * when send returns, and are read on the spot.
 */
export class NetlinkSocket {
  readonly #fd: number
  readonly #lane: Lane
  readonly #buffer = Buffer.allocUnsafe(BUFFER_BYTES)
  #sequence = 1

  constructor(protocol: number, lane: Lane) {
    this.#fd = libc.socket(libc.AF_NETLINK, libc.SOCK_RAW, protocol)
    this.#lane = lane
    libc.setsockopt(this.#fd, SOL_NETLINK, NETLINK_EXT_ACK, 1)
    libc.setsockopt(this.#fd, SOL_NETLINK, NETLINK_CAP_ACK, 1)
  }

  get fd(): number {
    return this.#fd
  }

  close(): void {
    libc.close(this.#fd)
  }

  /**
   * Sends the requests (each with NLM_F_ACK) in one datagram and reads all acknowledgements. The kernel tries each of
   * them even after one has failed.
   *
   * @param options.onDone called before anything else gets its turn in the lane
   * @returns the messages that answer each request
   * @throws system for the first request that failed and is not among `tolerated` errnos; `details.request` is its
   *   place in the batch
   */
  request(
    requests: readonly NetlinkRequest[],
    options: { tolerated?: readonly string[]; priority?: 'urgent' | 'later'; onDone?: () => void } = {},
  ): Promise<NetlinkMessage[][]> {
    return this.#lane.run(async () => {
      const first = this.#sequence
      this.#sequence += requests.length
      await libc.sendAsync(this.#fd, encodeMessages(requests, first))
      const replies = requests.map((): NetlinkMessage[] => [])
      const failures = requests.map((): Error | undefined => undefined)
      let open = requests.length
      while (open > 0) {
        for (const message of this.#receive()) {
          const index = message.sequence - first
          const request = requests[index]
          if (!request) continue
          if (message.type !== NLMSG_ERROR) {
            replies[index]?.push(message)
            continue
          }
          open--
          failures[index] = failure(request, message, index)
        }
      }
      const failed = failures.findIndex(error => error && !hasErrno(error, ...(options.tolerated ?? [])))
      if (failed >= 0) throw failures[failed]!
      options.onDone?.()
      return replies
    }, options.priority)
  }

  /** All messages of a dump, read again if the table changed meanwhile; the fields are copies. */
  async dump(request: NetlinkRequest): Promise<NetlinkMessage[]> {
    for (let attempt = 1; ; attempt++) {
      const { messages, interrupted } = await this.#lane.run(() => this.#dumpOnce(request))
      if (!interrupted || attempt === DUMP_ATTEMPTS) return messages
    }
  }

  async #dumpOnce(request: NetlinkRequest): Promise<{ messages: NetlinkMessage[]; interrupted: boolean }> {
    const sequence = this.#sequence++
    const messages: NetlinkMessage[] = []
    let interrupted = false
    await libc.sendAsync(this.#fd, encodeMessages([request], sequence))
    for (;;) {
      // Each recv makes the kernel produce the next part, for which it may want the lock again.
      const buffer = Buffer.allocUnsafe(BUFFER_BYTES)
      const length = await libc.recvAsync(this.#fd, buffer)
      for (const message of decodeMessages(buffer.subarray(0, length))) {
        if (message.sequence !== sequence) continue
        interrupted ||= isInterrupted(message)
        if (message.type === NLMSG_DONE) return { messages, interrupted }
        if (message.type !== NLMSG_ERROR) messages.push(message)
        else throw failure(request, message) ?? system(`${request.about}: unexpected acknowledgement`)
      }
    }
  }

  #receive(): NetlinkMessage[] {
    const length = libc.recv(this.#fd, this.#buffer, libc.MSG_DONTWAIT)
    // Messages are views of what they were decoded from, and the next call writes over the buffer.
    return decodeMessages(Buffer.from(this.#buffer.subarray(0, length)))
  }
}

function failure(request: NetlinkRequest, message: NetlinkMessage, index = 0): Error | undefined {
  const { errno, text } = decodeAck(message)
  if (errno === 0) return undefined
  const error = errnoError(request.about, errno, { request: index })
  if (text === '') return error
  return system(`${error.message} (${text})`, { details: { ...error.details, kernel: text } })
}
