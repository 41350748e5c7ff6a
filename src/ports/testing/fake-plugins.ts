import { notFound } from '#lib/errors.ts'
import { type Plugins, pluginName } from '#ports/plugins.ts'

type Handler = (method: string, body: unknown) => Record<string, unknown>

/** Plugins that are functions. */
export class FakePlugins implements Plugins {
  readonly handlers = new Map<string, Handler>()
  readonly calls: { name: string; method: string; body: unknown }[] = []

  async list(): Promise<string[]> {
    return [...this.handlers.keys()]
  }

  async activate(name: string): Promise<string[]> {
    const { Implements } = await this.call(name, 'Plugin.Activate', {})
    return Implements as string[]
  }

  async call(reference: string, method: string, body: unknown): Promise<Record<string, unknown>> {
    const name = pluginName(reference)
    this.calls.push({ name, method, body })
    const handler = this.handlers.get(name)
    if (!handler) throw notFound(`plugin "${name}" not found`)
    return handler(method, body)
  }
}
