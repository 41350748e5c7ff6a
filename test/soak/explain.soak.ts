import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { FaultLab } from '../support/fault-lab.ts'
import { BETWEEN, beyond, furnish, type Fault } from '../support/faults.ts'

/** Milliseconds in which an explanation is to be there; the machine may be busy. */
const PATIENCE = 5000

const lab = new FaultLab()
const table: string[] = []

before(async () => {
  await lab.daemon.start()
  await lab.daemon.loadBusybox()
  await furnish(lab)
})
after(async () => {
  console.log(table.join('\n'))
  await lab.dispose()
})

const healthy: (readonly [string, string])[] = [
  ['web', 'db:80'],
  ['web', 'db'],
  ['web', 'lone:80'],
  ['web', 'twin:80'],
  ['loner', 'db:80'],
  ['db', 'lone:80'],
  ['gone-1', 'gone-2:80'],
  ['web', 'host:9100'],
  ['web', `${lab.client.address}:9000`],
  ['host', 'db:80'],
  ['host', 'db:8080'],
  ['internet', 'db:8080'],
  ['web', 'internet'],
]
for (const [from, to] of healthy) {
  test(`healthy: ${from} to ${to}`, async () => {
    const explanation = await lab.explain(from, to)
    assert.equal(explanation.verdict, 'reachable', JSON.stringify(explanation, null, 2))
  })
}

const all = [...BETWEEN, ...beyond(lab.client.address)]

for (const fault of all) {
  test(fault.name, async () => {
    const mend = await fault.break(lab)
    let explanation
    try {
      explanation = await lab.explain(...fault.ask)
    } finally {
      await mend()
    }
    table.push(
      `${fault.name.padEnd(60)} ${(explanation.cause?.code ?? explanation.verdict).padEnd(26)} ${explanation.ms.toFixed(0)} ms`,
    )
    assert.equal(explanation.cause?.code, fault.code, JSON.stringify(explanation, null, 2))
    assert.equal(explanation.verdict, 'blocked')
    assert.ok(explanation.ms < PATIENCE, `took ${explanation.ms} ms`)
    const mended = await lab.explain(...(fault.healthy ?? fault.ask))
    assert.equal(mended.verdict, 'reachable', `mended: ${JSON.stringify(mended, null, 2)}`)
  })
}

const named = (name: string): Fault => {
  const fault = all.find(one => one.name === name)
  assert.ok(fault, name)
  return fault
}
