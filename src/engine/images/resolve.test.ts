import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { anImage, setup } from './testing/setup.ts'

describe('resolve', () => {
  it('finds by name, tag, id, prefix and digest', async () => {
    const { images } = setup()
    const image = await anImage(images, 'team/app:1')
    const hex = image.id.slice(7)
    const forms = ['team/app:1', 'docker.io/team/app:1', image.id, hex, hex.slice(0, 12), `sha256:${hex.slice(0, 5)}`]
    for (const form of [...forms, `team/app@${image.id}`]) assert.equal(images.resolve(form).id, image.id, form)
    for (const form of ['team/app', 'team/app:2', `other/app@${image.id}`, 'app:1']) {
      assert.throws(() => images.resolve(form), { kind: 'not-found', message: /^No such image: / }, form)
    }
  })

  it('uses the words that clients match on', () => {
    const { images } = setup()
    const message = (reference: string) => {
      try {
        images.resolve(reference)
      } catch (error) {
        return (error as Error).message
      }
    }
    assert.equal(message('nope'), 'No such image: nope:latest')
    assert.equal(message('host:5000/a:b'), 'No such image: host:5000/a:b')
    assert.equal(message('abcdef'), 'No such image: abcdef:latest')
    const id = `sha256:${'0'.repeat(64)}`
    assert.equal(message(id), `No such image: ${id}`)
    assert.equal(message('Foo'), 'invalid reference format: repository name (library/Foo) must be lowercase')
  })

  it('prefers a name to an id prefix and refuses an ambiguous one', async () => {
    const { images } = setup()
    const all = await Promise.all(Array.from({ length: 40 }, () => anImage(images, undefined)))
    const first = all[0]!.id.slice(7, 11)
    await anImage(images, `${first}:latest`)
    assert.deepEqual(images.resolve(first).tags, [`docker.io/library/${first}:latest`])
    const seen = new Map<string, number>()
    for (const { id } of all) seen.set(id[7]!, (seen.get(id[7]!) ?? 0) + 1)
    const shared = Array.from(seen).find(([, count]) => count > 1)![0]
    assert.throws(() => images.resolve(shared), { kind: 'invalid', message: /is ambiguous/ })
  })

  it('checks the platform that is asked for', async () => {
    const { images } = setup()
    await anImage(images, 'x')
    assert.ok(images.resolve('x', { os: 'linux', architecture: 'x86_64' }))
    assert.throws(() => images.resolve('x', { os: 'linux', architecture: 's390x' }), { kind: 'not-found' })
  })

  it('survives a restart', async () => {
    const { images, options } = setup()
    const image = await anImage(images, 'x')
    images.tag('x', 'y:2')
    const again = setup(options).images
    assert.deepEqual(again.resolve('y:2').tags, ['docker.io/library/x:latest', 'docker.io/library/y:2'])
    assert.equal(again.resolve(image.id.slice(7, 19)).id, image.id)
  })
})

describe('tag', () => {
  it('moves a name from one image to another and back', async () => {
    const { images, events } = setup()
    const [a, b] = [await anImage(images, 'a'), await anImage(images, 'b')]
    images.tag('a', 'current')
    images.tag('b', 'current')
    assert.equal(images.resolve('current').id, b.id)
    assert.deepEqual(images.resolve('a').tags, ['docker.io/library/a:latest'])
    images.tag(a.id, 'current')
    assert.equal(images.resolve('current').id, a.id)
    assert.deepEqual(images.resolve('b').tags, ['docker.io/library/b:latest'])
    assert.deepEqual(events.at(-1), { Action: 'tag', ID: a.id, name: 'current:latest' })
    // Two names change owners at once.
    images.tag('a', 'b')
    images.tag('a', 'b')
    assert.deepEqual(images.resolve(b.id).tags, [])
  })

  it('refuses what cannot be a name', async () => {
    const { images } = setup()
    const image = await anImage(images, 'a')
    assert.throws(() => images.tag('a', 'B'), { kind: 'invalid' })
    assert.throws(() => images.tag('a', `b@${image.id}`), /refusing to create a tag with a digest reference/)
    assert.throws(() => images.tag('nope', 'b'), { message: 'No such image: nope:latest' })
  })
})
