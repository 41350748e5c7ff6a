import { invalid } from '#lib/errors.ts'
import type { Exit } from '#model/container.ts'
import type { Context } from './context.ts'
import { canStop } from '#model/container-state.ts'
import type { WaitCondition } from './service.ts'

interface WaitResult {
  exitCode: number
  error?: string
}

/** `POST /containers/{id}/wait`. Subscribes before it returns. A container removed lately still answers by its id. */
export async function wait(
  ctx: Context,
  reference: string,
  condition: WaitCondition,
  signal: AbortSignal,
): Promise<{ result: Promise<WaitResult> }> {
  if (!['not-running', 'next-exit', 'removed'].includes(condition)) {
    throw invalid(`invalid condition: "${condition}"`)
  }
  const buried = ctx.live.tombstone(reference)
  if (buried) return { result: Promise.resolve(resultOf(buried)) }
  const { id, state } = ctx.records.find(reference)
  if (condition === 'not-running' && !canStop(state).ok && state.kind !== 'removing') {
    const last: Exit =
      state.kind === 'created'
        ? { code: state.exitCode ?? 0, finishedAt: '', oomKilled: false, error: state.error ?? '' }
        : (('last' in state ? state.last : undefined) ?? { code: 0, finishedAt: '', oomKilled: false, error: '' })
    return { result: Promise.resolve(resultOf(last)) }
  }
  const live = ctx.live.of(id)
  const source = condition === 'removed' || state.kind === 'removing' ? live.removed : live.exits
  const result = new Promise<WaitResult>((resolve, reject) => {
    const end = () => {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
    }
    const onAbort = () => {
      end()
      reject(signal.reason as Error)
    }
    const unsubscribe = source.subscribe(exit => {
      end()
      resolve(resultOf(exit))
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
  // Whoever asked may have gone before it listens.
  result.catch(() => {})
  return { result }
}

function resultOf(exit: Exit): WaitResult {
  return { exitCode: exit.code, ...(exit.error ? { error: exit.error } : {}) }
}
