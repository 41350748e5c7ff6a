import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { globMatches } from './glob.ts'
import { anImage, setup } from './testing/setup.ts'
import { parseTime } from './times.ts'

async function three() {
  const { images } = setup()
  await anImage(images, 'team/old:1', { created: '2026-01-01T00:00:00Z', labels: { tier: 'db', x: '' } })
  await anImage(images, 'busybox', { created: '2026-02-01T00:00:00Z' })
  await anImage(images, 'localhost:5000/new:2', { created: '2026-03-01T00:00:00Z', labels: { tier: 'web' } })
  await anImage(images, undefined, { created: '2026-02-15T00:00:00Z' })
  const names = async (filters: Record<string, string[]>) =>
    (await images.list(new Map(Object.entries(filters)))).map(({ image }) =>
      (image.tags[0] ?? '<none>').replace(/^docker.io\/(library\/)?/, ''),
    )
  return { images, names }
}

describe('list', () => {
  it('is newest first and filters as Docker does', async () => {
    const { names } = await three()
    const all = ['localhost:5000/new:2', '<none>', 'busybox:latest', 'team/old:1']
    const cases: [Record<string, string[]>, string[]][] = [
      [{}, all],
      [{ dangling: ['true'] }, ['<none>']],
      [{ dangling: ['false'] }, all.filter(name => name !== '<none>')],
      [{ label: ['tier'] }, ['localhost:5000/new:2', 'team/old:1']],
      [{ label: ['tier=db', 'x'] }, ['team/old:1']],
      [{ before: ['busybox'] }, ['team/old:1']],
      [{ since: ['busybox'] }, ['localhost:5000/new:2', '<none>']],
      [{ until: ['2026-02-01T00:00:00Z'] }, ['team/old:1']],
      [{ reference: ['busybox'] }, ['busybox:latest']],
      [{ reference: ['*'] }, ['busybox:latest']],
      [{ reference: ['*/*'] }, ['localhost:5000/new:2', 'team/old:1']],
      [{ reference: ['team/o?d:[0-9]', 'busy*:lat*'] }, ['busybox:latest', 'team/old:1']],
      [{ reference: ['nothing'] }, []],
    ]
    for (const [filters, expected] of cases) assert.deepEqual(await names(filters), expected, JSON.stringify(filters))
  })

  it('names a filter it does not know', async () => {
    const { names } = await three()
    await assert.rejects(names({ colour: ['red'] }), { kind: 'invalid', message: "invalid filter 'colour'" })
    await assert.rejects(names({ dangling: ['maybe'] }), {
      kind: 'invalid',
      message: /invalid filter 'dangling=\[maybe\]'/,
    })
    await assert.rejects(names({ before: ['nope'] }), { message: 'No such image: nope:latest' })
    await assert.rejects(names({ until: ['soon'] }), /failed to parse "soon"/)
    await assert.rejects(names({ reference: ['[a'] }), /syntax error in pattern/)
  })

  it('shows only the names that match, and sizes', async () => {
    const { images } = await three()
    images.tag('busybox', 'other:1')
    const [summary] = await images.list(new Map([['reference', ['other']]]), { sharedSize: true })
    assert.deepEqual(summary!.image.tags, ['docker.io/library/other:1'])
    assert.deepEqual([summary!.size, summary!.sharedSize], [summary!.image.layers[0]!.size, 0])
  })
})

describe('times and patterns', () => {
  it('reads times as Docker does', () => {
    const now = Date.parse('2026-05-01T12:00:00Z')
    assert.equal(parseTime('1h30m', now), now - 5_400_000)
    assert.equal(parseTime('1767225600', now), Date.parse('2026-01-01T00:00:00Z'))
    assert.equal(parseTime('2026-01-01', now), Date.parse('2026-01-01T00:00:00Z'))
    assert.equal(parseTime('2026-01-01T05:00:00+02:00', now), Date.parse('2026-01-01T03:00:00Z'))
    for (const bad of ['', '1x', 'h', '2026-13-01', '-1h'])
      assert.throws(() => parseTime(bad, now), { kind: 'invalid' })
  })

  it('matches as path.Match', () => {
    const yes = [
      ['a*', 'abc'],
      ['*/b', 'a/b'],
      ['[^a]', 'b'],
      ['\\*', '*'],
      ['a.b', 'a.b'],
      ['[a-c]x', 'bx'],
    ] as const
    const no = [
      ['*', 'a/b'],
      ['a.b', 'axb'],
      ['[^a]', 'a'],
      ['a', 'ab'],
      ['?', ''],
    ] as const
    for (const [pattern, text] of yes) assert.ok(globMatches(pattern, text), `${pattern} ${text}`)
    for (const [pattern, text] of no) assert.ok(!globMatches(pattern, text), `${pattern} ${text}`)
  })
})
