import assert from 'node:assert/strict'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { BackupFormat } from '#model/backup.ts'
import { digestTree } from './digest.ts'
import { ownUmask } from './sys.ts'
import { header, indexOf, packed, unpacked } from './testing/direct.ts'
import { build, snapshot, tree } from './testing/trees.ts'

const RUNS = Number(process.env.BERTH_PROPERTY_RUNS ?? 8)
const END_ON_FAILURE = process.env.BERTH_PROPERTY_SHRINK === undefined
const root = fs.mkdtempSync(join(tmpdir(), 'berth-round-trip-'))
const digestHost = { progress: () => {}, check: () => {} }

let serial = 0
function directory(): string {
  const path = join(root, String(serial++))
  fs.mkdirSync(path)
  return path
}

const format = fc.constantFrom<BackupFormat>('zstd', 'gzip', 'tar')

describe('archives: a generated tree', () => {
  // As the worker does: generated modes are taken as given.
  ownUmask()
  after(() => fs.rmSync(root, { recursive: true }))

  it('comes back equal in every attribute', async () => {
    const property = fc.asyncProperty(tree, tree, format, fc.boolean(), async (one, two, format, several) => {
      const sources = several ? [directory(), directory()] : [directory()]
      for (const [i, source] of sources.entries()) build(source, [one, two][i]!)
      const { bytes, summary } = await packed(sources, format)
      const places = sources.map(directory)
      const back = await unpacked(bytes, places, { step: 100_000 })
      assert.deepEqual(back, summary)
      for (const [i, source] of sources.entries()) {
        const expected = snapshot(source)
        assert.deepEqual(snapshot(places[i]!), expected)
        assert.equal(await digestTree(source, digestHost), summary.treeDigests[i])
        assert.equal(await digestTree(places[i]!, digestHost), summary.treeDigests[i])
      }
      for (const path of [...sources, ...places]) fs.rmSync(path, { recursive: true })
    })
    await fc.assert(property, { numRuns: RUNS, endOnFailure: END_ON_FAILURE })
  })

  it('comes back through a chain of incremental archives', async () => {
    const property = fc.asyncProperty(fc.array(tree, { minLength: 2, maxLength: 4 }), format, async (trees, format) => {
      const source = directory()
      const place = directory()
      let base: { index: Buffer; id: string } | undefined
      for (const [i, tree] of trees.entries()) {
        // Each state keeps half of what was before, and lays a new tree over it.
        if (i % 2 === 0) for (const name of names(source)) remove(join(source, ''), name)
        build(source, tree)
        const head = header(['v'], base?.id)
        const { bytes, summary } = await packed([source], format, {
          header: head,
          ...(base ? { base: base.index } : {}),
        })
        assert.deepEqual(await unpacked(bytes, [place]), summary)
        base = { index: indexOf(bytes), id: head.id }
        const [expected, found] = [snapshot(source), snapshot(place)]
        assert.deepEqual(found, expected)
      }
      for (const path of [source, place]) fs.rmSync(path, { recursive: true })
    })
    await fc.assert(property, { numRuns: Math.ceil(RUNS / 2), endOnFailure: END_ON_FAILURE })
  })
})

function names(directory: string): Buffer[] {
  return fs.readdirSync(directory, { encoding: 'buffer' }).filter((_, i) => i % 2 === 0)
}

function remove(directory: string, name: Buffer): void {
  fs.rmSync(Buffer.concat([Buffer.from(`${directory}/`), name]), { recursive: true })
}
