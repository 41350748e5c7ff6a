import { conflict, invalid } from '#lib/errors.ts'
import { publish, type Context } from './context.ts'
import { parseName } from './names.ts'

/** `POST /containers/{id}/rename`. @throws conflict when the name is taken, invalid when it is its own */
export function rename(ctx: Context, reference: string, wanted: string): Promise<void> {
  const { id } = ctx.records.find(reference)
  const name = parseName(wanted)
  return ctx.locks.run(id, async () => {
    const record = ctx.records.find(id)
    if (record.state.kind === 'removing') throw conflict(`container ${record.name} is being removed`)
    if (record.name === name) {
      throw invalid('Renaming a container with the same name as its current name')
    }
    ctx.records.reserveName(name, id)
    const renamed = ctx.records.update(id, { name })
    ctx.records.releaseName(record.name, id)
    ctx.networks.rename(id, name)
    publish(ctx, renamed, 'rename', { oldName: `/${record.name}` })
  })
}
