import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { testNetworking } from '#kernel/testing/networking.ts'

const RULE = { mark: 0x2000000, comment: 'berth:test' }

test('chains of others at the forward hook begin with our rule, for as long as we say', async () => {
  const { networking, close } = testNetworking({ poolSize: 0 })
  const { firewall, sandboxes, inspector } = networking
  const sandbox = await sandboxes.create('accept')
  const foreign = (input: string) => {
    const { stderr } = spawnSync('nsenter', [`--net=${sandbox}`, 'nft', '-f', '-'], { input, encoding: 'utf8' })
    assert.equal(stderr, '')
  }
  const rules = async () => {
    const listing = (await inspector.ruleset(sandbox)) as {
      nftables: { rule?: { table: string; chain: string; comment?: string; expr: unknown[] } }[]
    }
    return listing.nftables.flatMap(({ rule }) =>
      rule ? [`${rule.table} ${rule.chain} ${rule.comment ?? 'theirs'}`] : [],
    )
  }
  try {
    foreign(`table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; counter; }
      chain INPUT { type filter hook input priority 0; counter; }
      }
      table inet mangling { chain f { type filter hook forward priority -150; counter; }
      }
      table inet fw { chain forward { type filter hook forward priority 10; }
      }`)
    await firewall.apply('table inet berth-x { chain f { type filter hook forward priority 0; }\n}', sandbox)
    assert.equal(await firewall.acceptFirst(RULE, true, sandbox), 2)
    const wanted = [
      ...['filter FORWARD berth:test', 'filter FORWARD theirs', 'filter INPUT theirs', 'mangling f theirs'],
      'fw forward berth:test',
    ]
    assert.deepEqual(await rules(), wanted)
    assert.equal(await firewall.acceptFirst(RULE, true, sandbox), 0)
    foreign('insert rule ip filter FORWARD counter\nflush chain inet fw forward')
    assert.equal(await firewall.acceptFirst(RULE, true, sandbox), 2)
    assert.deepEqual((await rules()).slice(0, 3), [
      ...['filter FORWARD berth:test', 'filter FORWARD theirs', 'filter FORWARD theirs'],
    ])
    assert.equal(await firewall.acceptFirst(RULE, false, sandbox), 2)
    assert.ok((await rules()).every(rule => rule.endsWith('theirs')))
  } finally {
    await close()
  }
})
