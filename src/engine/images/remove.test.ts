import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage, setup } from './testing/setup.ts'
import type { ImageRecord } from '#model/image.ts'
import type { Images } from './images.ts'

const plain = { force: false, noPrune: false }
const forced = { force: true, noPrune: false }
const C1 = 'c1'.repeat(32)

/** An image of one more layer on another. */
function child(images: Images, parent: ImageRecord, reference?: string) {
  return images.commit({
    snapshotKey: 'box',
    parent,
    config: { Cmd: ['child'] },
    ...(reference ? { reference } : {}),
    comment: '',
    author: '',
    createdBy: 'test',
    containerId: C1,
  })
}

describe('remove', () => {
  it('takes a name first, and the image with the last', async () => {
    const { images, content, snapshots, events } = setup()
    const image = await anImage(images, 'a')
    images.tag('a', 'b:1')
    assert.deepEqual(await images.remove('a', plain), [{ Untagged: 'a:latest' }])
    assert.deepEqual(await images.remove('b:1', plain), [
      { Untagged: 'b:1' },
      { Deleted: image.id },
      { Deleted: image.layers[0]!.chainId },
    ])
    assert.deepEqual([content.blobs.size, snapshots.list().length], [0, 0])
    const actions = events.map(event => event.Action)
    assert.deepEqual(actions, ['import', 'tag', 'untag', 'untag', 'delete'])
    await assert.rejects(images.remove('a', plain), { message: 'No such image: a:latest' })
  })

  it('by id wants force when there are several repositories', async () => {
    const { images } = setup()
    const image = await anImage(images, 'a')
    images.tag('a', 'b')
    await assert.rejects(images.remove(image.id, plain), {
      kind: 'conflict',
      message: `conflict: unable to delete ${image.id.slice(7, 19)} (must be forced) - image is referenced in multiple repositories`,
    })
    const done = await images.remove(image.id.slice(7, 15), forced)
    assert.deepEqual(done.slice(0, 3), [{ Untagged: 'a:latest' }, { Untagged: 'b:latest' }, { Deleted: image.id }])
  })

  it('by id takes the only name along', async () => {
    const { images } = setup()
    const image = await anImage(images, 'a')
    assert.deepEqual((await images.remove(image.id, plain))[0], { Untagged: 'a:latest' })
  })

  it('takes a name that is also the beginning of the id for the name', async () => {
    const { images } = setup()
    const image = await anImage(images, 'kept')
    const name = image.id.slice(7, 8)
    images.tag('kept', name)
    assert.deepEqual(await images.remove(name, plain), [{ Untagged: `${name}:latest` }])
    assert.equal(images.resolve('kept').id, image.id)
  })

  it('never takes an image from a running container, from a stopped one only by force', async () => {
    const { images, users } = setup()
    const image = await anImage(images, 'a')
    const id = image.id.slice(7, 19)
    users.set(image.id, [{ id: C1, running: true }])
    await assert.rejects(images.remove(image.id, forced), {
      kind: 'conflict',
      message: `conflict: unable to delete ${id} (cannot be forced) - image is being used by running container c1c1c1c1c1c1`,
    })
    await assert.rejects(images.remove('a', plain), {
      kind: 'conflict',
      message:
        'conflict: unable to remove repository reference "a" (must force) - ' +
        `container c1c1c1c1c1c1 is using its referenced image ${id}`,
    })
    users.set(image.id, [{ id: C1, running: false }])
    await assert.rejects(
      images.remove(image.id, plain),
      /\(must be forced\) - image is being used by stopped container/,
    )
    assert.equal((await images.remove(image.id, forced)).length, 3)
  })

  it('by force takes the name from a running container and leaves the image', async () => {
    const { images, users } = setup()
    const image = await anImage(images, 'a')
    users.set(image.id, [{ id: C1, running: true }])
    assert.deepEqual(await images.remove('a', forced), [{ Untagged: 'a:latest' }])
    assert.deepEqual(images.resolve(image.id).tags, [])
  })

  it('leaves the layers under a container until that goes', async () => {
    const { images, users, snapshots } = setup()
    const image = await anImage(images, 'a')
    await images.createRootfs('box', image)
    users.set(image.id, [{ id: C1, running: false }])
    await images.remove('a', forced)
    assert.deepEqual(snapshots.list().sort(), ['box', image.layers[0]!.chainId])
    await images.removeRootfs('box')
    assert.deepEqual(snapshots.list(), [])
    await images.removeRootfs('box')
  })

  it('keeps a parent while it has children, and takes nameless parents along', async () => {
    const { images, snapshots, content } = setup()
    const base = await anImage(images, 'base')
    await images.createRootfs('box', base)
    const top = await child(images, base, 'top')
    assert.deepEqual([top.parent, top.layers.length, top.config.Cmd], [base.id, 2, ['child']])
    await assert.rejects(images.remove(base.id, forced), /\(cannot be forced\) - image has dependent child images/)
    await images.removeRootfs('box')
    assert.deepEqual(await images.remove('base', plain), [{ Untagged: 'base:latest' }])
    const done = await images.remove('top', plain)
    assert.deepEqual(
      done.flatMap(step => step.Deleted ?? []),
      [top.id, top.layers[1]!.chainId, base.id, base.layers[0]!.chainId],
    )
    assert.deepEqual([content.blobs.size, snapshots.list().length], [0, 0])
  })

  it('with noprune leaves the nameless parent', async () => {
    const { images } = setup()
    const base = await anImage(images, undefined)
    await images.createRootfs('box', base)
    await child(images, base, 'top')
    await images.remove('top', { force: false, noPrune: true })
    assert.equal(images.resolve(base.id).id, base.id)
  })

  it('keeps what another image shares', async () => {
    const { images, snapshots } = setup()
    const base = await anImage(images, 'base', { content: 'same' })
    const twin = await images.import(
      (await import('./testing/setup.ts')).streamOf(await (await import('./testing/setup.ts')).tarOf({ file: 'same' })),
      { reference: 'twin', changes: ['CMD ["x"]'] },
    )
    assert.equal(twin.layers[0]!.chainId, base.layers[0]!.chainId)
    assert.deepEqual(await images.remove('base', plain), [{ Untagged: 'base:latest' }, { Deleted: base.id }])
    assert.equal(snapshots.list().length, 1)
  })
})

describe('prune', () => {
  it('takes what has no name and no container', async () => {
    const { images, content, users, events } = setup()
    const used = await anImage(images, undefined)
    const loose = await anImage(images, undefined)
    await anImage(images, 'named')
    users.set(used.id, [{ id: C1, running: false }])
    const documents = content.blobs.get(loose.id)!.length + content.blobs.get(loose.manifestDigest)!.length
    const plan = await images.planPrune(new Map(), new Set())
    assert.deepEqual(
      plan.images.map(({ image }) => image.id),
      [loose.id],
    )
    const { deleted, spaceReclaimed } = await images.prune(new Map())
    assert.equal(plan.images[0]!.size, spaceReclaimed)
    assert.deepEqual(deleted, [{ Deleted: loose.id }, { Deleted: loose.layers[0]!.chainId }])
    assert.equal(spaceReclaimed, loose.layers[0]!.size + loose.layers[0]!.blobSize + documents)
    assert.equal(events.at(-1)!.Action, 'prune')
  })

  it('takes named ones too when told, by age and label', async () => {
    const { images, users } = setup()
    const used = await anImage(images, 'used')
    users.set(used.id, [{ id: C1, running: true }])
    await anImage(images, 'keep', { labels: { keep: 'yes' } })
    const gone = await anImage(images, 'gone')
    images.tag('gone', 'gone:2')
    const young = new Map([
      ['dangling', ['false']],
      ['until', ['1h']],
    ])
    assert.deepEqual((await images.prune(young)).deleted, [])
    const filters = new Map([
      ['dangling', ['false']],
      ['label!', ['keep']],
    ])
    const { deleted } = await images.prune(filters)
    assert.deepEqual(deleted.slice(0, 3), [{ Untagged: 'gone:latest' }, { Untagged: 'gone:2' }, { Deleted: gone.id }])
    const left = await images.list(new Map())
    assert.deepEqual(left.flatMap(s => s.image.tags).sort(), [
      'docker.io/library/keep:latest',
      'docker.io/library/used:latest',
    ])
    await assert.rejects(images.prune(new Map([['colour', ['x']]])), { message: "invalid filter 'colour'" })
  })

  it('takes a named parent with its last child, and one with a child in use only its name', async () => {
    const { images, snapshots, users } = setup()
    const all = new Map([['dangling', ['false']]])
    const child = async (name: string, parent: ImageRecord) => {
      await snapshots.prepare(`box-${name}`, parent.layers[0]!.chainId)
      return images.commit({
        snapshotKey: `box-${name}`,
        parent,
        config: {},
        reference: name,
        comment: '',
        author: '',
        createdBy: '',
        containerId: C1,
      })
    }
    const one = await anImage(images, 'one')
    const oneChild = await child('one-child', one)
    const two = await anImage(images, 'two')
    const twoChild = await child('two-child', two)
    users.set(twoChild.id, [{ id: C1, running: false }])
    await snapshots.remove('box-one-child')
    const plan = await images.planPrune(all, new Set())
    assert.deepEqual(
      plan.images.map(({ image, size }) => [image.id, size > 0]),
      [
        [oneChild.id, true],
        [one.id, true],
        [two.id, false],
      ],
    )
    await images.prune(all)
    assert.deepEqual(
      (await images.list(new Map(), { all: true })).map(({ image }) => [image.id, image.tags.length]).toSorted(),
      [
        [two.id, 0],
        [twoChild.id, 1],
      ].toSorted(),
    )
  })
})

describe('sweep and usage', () => {
  it('removes what nothing needs and counts what is there once', async () => {
    const { images, content, snapshots } = setup()
    const a = await anImage(images, 'a', { content: 'same' })
    await content.ingest(async () => (await import('./testing/setup.ts')).streamOf(Buffer.from('junk')))
    await snapshots.prepare('box', a.layers[0]!.chainId)
    await snapshots.prepare('orphan', undefined)
    await images.sweep(new Set(['box']))
    assert.deepEqual(snapshots.list().sort(), ['box', a.layers[0]!.chainId])
    assert.equal(content.blobs.size, 3)
    const usage = await images.diskUsage()
    const blobs = Array.from(content.blobs.values()).reduce((sum, blob) => sum + blob.length, 0)
    assert.deepEqual([usage.layersSize, usage.partial], [a.layers[0]!.size + blobs, 0])
    assert.equal(usage.images[0]!.sharedSize, 0)
  })
})
