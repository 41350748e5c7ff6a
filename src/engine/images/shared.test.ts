import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Leases } from './leases.ts'
import { Limit } from '#lib/limit.ts'
import { Shared } from './shared.ts'
import type { Progress } from './service.ts'

describe('shared work', () => {
  it('goes on while one caller is left and ends with the last', async () => {
    const shared = new Shared<string>()
    let runs = 0
    let stopped: unknown
    const work = (emit: (line: Progress) => void, signal: AbortSignal) => {
      runs++
      emit({ id: 'a', status: 'begun' })
      return new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => reject((stopped = signal.reason) as Error))
      })
    }
    const [one, two] = [new AbortController(), new AbortController()]
    const first = shared.run('k', () => {}, one.signal, work)
    await new Promise(resolve => setImmediate(resolve))
    const late: Progress[] = []
    const second = shared.run('k', line => late.push(line), two.signal, work)
    assert.deepEqual(late, [{ id: 'a', status: 'begun' }])
    one.abort(new Error('one gone'))
    await assert.rejects(first, /one gone/)
    assert.equal(stopped, undefined)
    two.abort(new Error('two gone'))
    await assert.rejects(second, /two gone/)
    assert.match(String(stopped), /two gone/)
    assert.equal(runs, 1)
    assert.equal(
      await shared.run(
        'k',
        () => {},
        undefined,
        async () => 'anew',
      ),
      'anew',
    )
  })
})

describe('leases', () => {
  it('put deletions off while blind work is under way, and hold it off while they run', async () => {
    const leases = new Leases()
    const done: string[] = []
    const blind = await leases.openBlind()
    await leases.deleting('x', async () => void done.push('x'))
    assert.deepEqual(done, [])
    blind.hold('y')
    assert.deepEqual(blind.release(), ['y', 'x'])
    let finish = () => {}
    const deletion = leases.deleting('z', () => new Promise<void>(resolve => (finish = resolve)))
    let opened = false
    const next = leases.openBlind().then(() => (opened = true))
    await new Promise(resolve => setImmediate(resolve))
    assert.equal(opened, false)
    finish()
    await Promise.all([deletion, next])
    assert.equal(opened, true)
  })

  it('let no sweep run beside other work', async () => {
    const leases = new Leases()
    const lease = await leases.open()
    assert.equal(await leases.sweeping(async () => 1), undefined)
    lease.release()
    lease.release()
    assert.equal(await leases.sweeping(async () => 1), 1)
  })
})

describe('limit', () => {
  it('runs so many at a time, past failures', async () => {
    const limit = new Limit(2)
    let now = 0
    let most = 0
    const work = async (i: number) => {
      most = Math.max(most, ++now)
      await new Promise(resolve => setTimeout(resolve, 1))
      now--
      if (i % 3 === 0) throw new Error('third')
    }
    await Promise.allSettled(Array.from({ length: 9 }, (_, i) => limit.run(() => work(i))))
    assert.deepEqual([now, most, limit.isFull], [0, 2, false])
  })
})
