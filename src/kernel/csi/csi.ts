import type { ServiceError } from '@grpc/grpc-js'
import { messageOf, notFound, system } from '#lib/errors.ts'
import type { Csi, CsiCalls, CsiMethod } from '#ports/csi.ts'
import { csiDefinition } from './definition.ts'
import { type CsiDirectories, findCsi, listCsi } from './discovery.ts'

/** Bytes of an answer; a driver must not fill the daemon's memory. */
const MOST = 1 << 20

/** Loaded when the first driver is asked: nobody else pays for it. */
async function loadGrpc() {
  const [grpc, loader] = await Promise.all([import('@grpc/grpc-js'), import('@grpc/proto-loader')])
  const services = loader.fromJSON(csiDefinition(), { keepCase: true, longs: Number, enums: String, defaults: true })
  return { grpc, services }
}

/** Drivers found by their sockets, asked over gRPC. */
export class KernelCsi implements Csi {
  readonly #directories: CsiDirectories
  #loaded: ReturnType<typeof loadGrpc> | undefined

  constructor(directories: CsiDirectories) {
    this.#directories = directories
  }

  list(): Promise<string[]> {
    return listCsi(this.#directories)
  }

  async has(driver: string): Promise<boolean> {
    return (await findCsi(this.#directories, driver)) !== undefined
  }

  async call<M extends CsiMethod>(
    driver: string,
    method: M,
    request: CsiCalls[M][0],
    { timeoutMs }: { timeoutMs: number },
  ): Promise<CsiCalls[M][1]> {
    const sockets = await findCsi(this.#directories, driver)
    if (!sockets) throw notFound(`csi driver "${driver}" not found: it has no socket`)
    const { grpc, services } = await (this.#loaded ??= loadGrpc())
    const [service, name] = method.split('.') as [string, string]
    const definition = (services[`csi.v1.${service}`] as import('@grpc/grpc-js').ServiceDefinition)[name]!
    const socket = service === 'Controller' ? sockets.controller : sockets.node
    // A connection of its own for each call: a driver may be replaced at any time, and calls are rare.
    const client = new grpc.Client(`unix:${socket}`, grpc.credentials.createInsecure(), {
      'grpc.max_receive_message_length': MOST,
      'grpc.use_local_subchannel_pool': 1,
      'grpc.enable_retries': 0,
    })
    try {
      return await new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          definition.path,
          definition.requestSerialize,
          definition.responseDeserialize,
          request,
          new grpc.Metadata(),
          { deadline: Date.now() + timeoutMs },
          (error, response) => {
            if (error) reject(worded(driver, name, error, grpc.status[error.code] ?? 'UNKNOWN', timeoutMs))
            else resolve(response as CsiCalls[M][1])
          },
        )
      })
    } finally {
      client.close()
    }
  }
}

function worded(driver: string, method: string, error: ServiceError, code: string, timeoutMs: number): Error {
  const reason = error.details || messageOf(error)
  const why =
    code === 'DEADLINE_EXCEEDED' && reason.startsWith('Deadline exceeded')
      ? `nothing within ${timeoutMs / 1000} seconds`
      : reason
  return system(`csi driver "${driver}": ${method}: ${why} (${code})`, { details: { code, reason: why } })
}
