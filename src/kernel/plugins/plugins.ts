import { BerthError, messageOf, system } from '#lib/errors.ts'
import { type PluginDirectories, type Plugins, pluginName } from '#ports/plugins.ts'
import { DOCKER_DIRECTORIES, findPlugin, listPlugins } from './discovery.ts'
import { post } from './post.ts'

/** Milliseconds. */
const TIMEOUT = 10_000

/** Plugins found by their files, asked over HTTP. */
export class KernelPlugins implements Plugins {
  readonly #directories: PluginDirectories
  readonly #timeoutMs: number

  /** @param own our own directory, looked at before Docker's; a list of directories replaces them all */
  constructor(own: string | PluginDirectories, timeoutMs = TIMEOUT) {
    const { sockets, specs } = DOCKER_DIRECTORIES
    this.#directories = typeof own === 'string' ? { sockets: [own, ...sockets], specs: [own, ...specs] } : own
    this.#timeoutMs = timeoutMs
  }

  list(): Promise<string[]> {
    return listPlugins(this.#directories)
  }

  async activate(name: string, options?: { timeoutMs?: number }): Promise<string[]> {
    const { Implements } = await this.call(name, 'Plugin.Activate', {}, options)
    if (Array.isArray(Implements) && Implements.every(one => typeof one === 'string')) return Implements
    throw system(`plugin "${pluginName(name)}" does not say what it implements`)
  }

  async call(
    reference: string,
    method: string,
    body: unknown,
    options: { timeoutMs?: number } = {},
  ): Promise<Record<string, unknown>> {
    const name = pluginName(reference)
    const address = await findPlugin(this.#directories, name)
    let answer: { status: number; text: string }
    try {
      answer = await post(address, `/${method}`, JSON.stringify(body), options.timeoutMs ?? this.#timeoutMs)
    } catch (error) {
      throw system(`plugin "${name}" does not answer ${method}: ${messageOf(error)}`, { cause: error })
    }
    return judge(name, method, answer)
  }
}

function judge(name: string, method: string, { status, text }: { status: number; text: string }) {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    value = undefined
  }
  const object = value !== null && typeof value === 'object' && !Array.isArray(value) ? value : undefined
  const mistake = object && 'Err' in object && typeof object.Err === 'string' ? object.Err : ''
  if (mistake !== '' || status < 200 || status > 299) {
    const why = mistake || `status ${status}${text === '' ? '' : `: ${text.trim().slice(0, 200)}`}`
    throw new BerthError('system', `plugin "${name}" refuses ${method}: ${why}`, {
      details: { status, reason: why },
    })
  }
  // Some answer nothing at all where there is nothing to say.
  if (text.trim() === '' || value === null) return {}
  if (!object) throw system(`plugin "${name}" answers ${method} with something that is no JSON object`)
  return object as Record<string, unknown>
}
