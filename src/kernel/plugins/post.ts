import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { PluginAddress } from './discovery.ts'

/** Bytes of an answer; a plugin must not fill the daemon's memory. */
const MOST = 1 << 20
const TYPE = 'application/vnd.docker.plugins.v1.2+json'

/** One request on a connection of its own, from connect to the last byte within `timeoutMs`. */
export function post(
  address: PluginAddress,
  path: string,
  body: string,
  timeoutMs: number,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const { tls, ...where } = address
    const options: RequestOptions = {
      ...where,
      path,
      method: 'POST',
      agent: false,
      headers: {
        Host: where.host ?? 'plugin',
        Accept: TYPE,
        'Content-Type': TYPE,
        'Content-Length': Buffer.byteLength(body),
        Connection: 'close',
      },
    }
    const request: ClientRequest = tls
      ? process
          .getBuiltinModule('node:https')
          .request({ ...options, ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: !tls.insecure })
      : process.getBuiltinModule('node:http').request(options)
    // Destroying it with no error of ours would say "socket hang up".
    const timer = setTimeout(() => request.destroy(new Error(`nothing within ${timeoutMs / 1000} seconds`)), timeoutMs)
    const fail = (error: Error) => {
      clearTimeout(timer)
      reject(error)
    }
    request.on('error', fail)
    request.on('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('error', fail)
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > MOST) request.destroy(new Error(`more than ${MOST} bytes`))
        else chunks.push(chunk)
      })
      response.on('close', () => fail(request.errored ?? new Error('the answer breaks off')))
      response.on('end', () => {
        clearTimeout(timer)
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() })
      })
    })
    request.end(body)
  })
}
