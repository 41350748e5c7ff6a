import { notFound, system } from '#lib/errors.ts'
import type { Csi, CsiCalls, CsiMethod } from '#ports/csi.ts'
import { CsiModel, CsiRefusal } from './csi-model.ts'

/** Drivers that are objects. */
export class FakeCsi implements Csi {
  readonly drivers = new Map<string, CsiModel>()
  readonly calls: { driver: string; method: string; request: object }[] = []
  /**
   * Codes that the next calls of a method end with: before the driver hears of it, or after it has done it. `HANG`: no
   * answer ever comes.
   */
  readonly faults: { method: string; code: string; when: 'before' | 'after' }[] = []

  async list(): Promise<string[]> {
    return [...this.drivers.keys()].sort()
  }

  async has(driver: string): Promise<boolean> {
    return this.drivers.has(driver)
  }

  async call<M extends CsiMethod>(driver: string, method: M, request: CsiCalls[M][0]): Promise<CsiCalls[M][1]> {
    const model = this.drivers.get(driver)
    if (!model) throw notFound(`csi driver "${driver}" not found: it has no socket`)
    this.calls.push({ driver, method, request: structuredClone(request) })
    const index = this.faults.findIndex(fault => method.endsWith(`.${fault.method}`))
    const [fault] = index < 0 ? [] : this.faults.splice(index, 1)
    const fail = (code: string, reason: string) =>
      system(`csi driver "${driver}": ${method.split('.')[1]}: ${reason} (${code})`, { details: { code, reason } })
    if (fault?.when === 'before') return this.#fault(fault.code, fail)
    try {
      const answer = structuredClone(model.answer(method, structuredClone(request)))
      if (fault) return await this.#fault(fault.code, fail)
      return answer
    } catch (error) {
      if (error instanceof CsiRefusal) throw fail(error.code, error.message)
      throw error
    }
  }

  async #fault(code: string, fail: (code: string, reason: string) => Error): Promise<never> {
    if (code === 'HANG') return new Promise(() => {})
    throw fail(code, 'as told')
  }
}
