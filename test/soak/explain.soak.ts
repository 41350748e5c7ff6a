import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { CauseCode } from '#model/explain.ts'
import { FaultLab } from '../support/fault-lab.ts'
import { BETWEEN } from '../support/faults/between.ts'
import { beyond } from '../support/faults/beyond.ts'
import type { Fault } from '../support/faults/fault.ts'
import { furnish } from '../support/faults/furnish.ts'
import { NAMELESS } from '../support/faults/nameless.ts'

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
  ['host', 'local:8091'],
  ['web', 'twin-1:80'],
  ['twin-1', 'twin:80'],
  ['db', 'db:80'],
  ['web', 'db:8086/udp'],
  ['sidecar', 'db:80'],
  ['hosted', 'db:80'],
  ['web', 'hosted:9100'],
  ['hosted', `${lab.client.address}:9000`],
  ['six-1', 'six-2:80'],
  ['web', '10.231.1.1:9100'],
  ['loner', 'named:80'],
  ['web', 'host:8080'],
  ['lan-1', 'lan-2:80'],
  ['p_twin', 'db:80'],
  ['web', 'p/twin:80'],
]
for (const [from, to] of healthy) {
  test(`healthy: ${from} to ${to}`, async () => {
    const explanation = await lab.explain(from, to)
    assert.equal(explanation.verdict, 'reachable', JSON.stringify(explanation, null, 2))
  })
}

test('healthy paths, all asked at once, again and again', async () => {
  for (let round = 0; round < 5; round++) {
    const answers = await Promise.all(healthy.map(([from, to]) => lab.explain(from, to)))
    for (const answer of answers) assert.equal(answer.verdict, 'reachable', JSON.stringify(answer, null, 2))
  }
})

const all = [...BETWEEN, ...NAMELESS, ...beyond(lab.client.address)]

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

/** Two faults of one way; the one that packets meet first comes first. */
const PAIRS: {
  faults: [string, string]
  ask: readonly [string, string]
  codes: [CauseCode, CauseCode]
  mended?: readonly [string, string]
}[] = [
  {
    faults: ['wrong entry in /etc/hosts', 'drop at input of the target'],
    ask: ['web', 'db:80'],
    codes: ['dns-wrong-answer', 'filter-drop'],
  },
  {
    faults: ['stale /etc/resolv.conf', 'MTU black hole'],
    ask: ['web', 'db:80'],
    codes: ['dns-not-embedded', 'mtu-too-big'],
  },
  {
    faults: ['DNS server dead', "host's end of the wire down"],
    ask: ['web', 'db:80'],
    codes: ['dns-server-dead', 'link-down'],
  },
  { faults: ['link down in the source', 'wrong port'], ask: ['web', 'db:81'], codes: ['link-down', 'not-listening'] },
  {
    faults: ['routes removed in the source', 'drop in a foreign table of the bridge family'],
    ask: ['web', 'db:80'],
    codes: ['no-route', 'filter-drop'],
  },
  {
    faults: ['drop at output of the source', 'static address clash'],
    ask: ['web', 'db:80'],
    codes: ['address-clash', 'filter-drop'],
  },
  {
    faults: ['target paused', 'drop in a foreign table of the bridge family'],
    ask: ['web', 'db:80'],
    codes: ['target-paused', 'filter-drop'],
  },
  {
    faults: ['source paused', 'target stopped'],
    ask: ['web', 'db:80'],
    codes: ['source-paused', 'target-not-running'],
  },
  {
    faults: ['no shared network', 'wrong port'],
    ask: ['loner', 'lone:81'],
    codes: ['no-shared-network', 'not-listening'],
  },
  {
    faults: ['ip_forward off', 'host firewall drops at forward'],
    ask: ['web', `${lab.client.address}:9000`],
    codes: ['forwarding-off', 'filter-drop'],
  },
  {
    faults: ['subnet overlaps a route of the host', 'wrong port'],
    ask: ['host', 'lone:81'],
    codes: ['subnet-overlap', 'not-listening'],
  },
  {
    faults: ['egress policy', 'ip_forward off'],
    ask: ['limited', `${lab.client.address}:9000`],
    mended: ['allowed', `${lab.client.address}:9000`],
    codes: ['egress-denied', 'forwarding-off'],
  },
  {
    faults: ['host firewall drops at input', 'link down in the source'],
    ask: ['web', 'host:9100'],
    codes: ['link-down', 'filter-drop'],
  },
  {
    faults: ['wire taken off the bridge', 'strict rp_filter in the target with a route back elsewhere'],
    ask: ['web', 'db:80'],
    codes: ['link-missing', 'rp-filter'],
  },
]

for (const { faults, ask, codes, mended: healthy = ask } of PAIRS) {
  test(`pair: ${faults.join(' and ')}`, async () => {
    const mend: (() => unknown)[] = []
    let explanation
    try {
      for (const name of faults) mend.push(await named(name).break(lab))
      explanation = await lab.explain(...ask)
    } finally {
      for (const one of mend.reverse()) await one()
    }
    const { cause, others } = explanation
    const found = [cause?.code ?? explanation.verdict, ...others.map(other => other.code)]
    table.push(`${faults.join(' + ').padEnd(88)} ${found.join(', ').padEnd(40)} ${explanation.ms.toFixed(0)} ms`)
    assert.equal(found[0], codes[0], JSON.stringify(explanation, null, 2))
    assert.ok(found.includes(codes[1]), JSON.stringify(explanation, null, 2))
    const mended = await lab.explain(healthy[0], healthy[1].replace(':81', ':80'))
    assert.equal(mended.verdict, 'reachable', `mended: ${JSON.stringify(mended, null, 2)}`)
  })
}
