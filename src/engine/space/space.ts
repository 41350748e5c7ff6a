import type { Context } from './context.ts'
import { planPrune } from './plan-prune.ts'
import { report } from './report.ts'
import type { PrunePreview, PruneRequest, SpaceReport, SpaceService, SpaceType } from './service.ts'

/** What the data root is full of, and what could go. */
export class Space implements SpaceService {
  readonly #ctx: Context

  constructor(ctx: Context) {
    this.#ctx = ctx
  }

  report(types?: ReadonlySet<SpaceType>): Promise<SpaceReport> {
    return report(this.#ctx, types)
  }

  planPrune(request: PruneRequest): Promise<PrunePreview> {
    return planPrune(this.#ctx, request)
  }

  compact(): void {
    this.#ctx.store.compact()
  }
}
