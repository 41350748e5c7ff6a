import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { normalizePlatform, parsePlatform, pickPlatform, platformText } from './platform.ts'

describe('platforms', () => {
  it('reads and normalizes', () => {
    const text = (written: string) => platformText(parsePlatform(written))
    assert.equal(text('linux/x86_64'), 'linux/amd64')
    assert.equal(text('linux/arm64/v8'), 'linux/arm64')
    assert.equal(text('aarch64'), 'linux/arm64')
    assert.equal(text('linux/arm'), 'linux/arm/v7')
    assert.equal(text('linux/armel'), 'linux/arm/v6')
    assert.equal(platformText(normalizePlatform({ os: 'linux', architecture: 'arm', variant: '6' })), 'linux/arm/v6')
    for (const bad of ['', 'linux', 'a/b/c/d', 'linux/', 'linux/a b']) {
      assert.throws(() => parsePlatform(bad), { kind: 'invalid' })
    }
  })

  it('picks what runs best', () => {
    const offer = (...texts: string[]) => texts.map(text => ({ text, platform: parsePlatform(text) }))
    const pick = (wanted: string, ...texts: string[]) => pickPlatform(parsePlatform(wanted), offer(...texts))?.text
    assert.equal(pick('linux/amd64', 'linux/arm64', 'linux/amd64'), 'linux/amd64')
    assert.equal(pick('linux/amd64', 'linux/arm64', 'windows/amd64'), undefined)
    assert.equal(pick('linux/arm/v7', 'linux/arm/v5', 'linux/arm/v6'), 'linux/arm/v6')
    assert.equal(pick('linux/arm/v6', 'linux/arm/v7'), undefined)
    assert.equal(pick('linux/arm64', 'linux/arm/v7', 'linux/amd64'), 'linux/arm/v7')
    assert.equal(pick('linux/amd64', 'linux/amd64/v3', 'linux/amd64'), 'linux/amd64')
    assert.deepEqual(pickPlatform(parsePlatform('linux/amd64'), [{}]), {})
    assert.equal(pickPlatform(parsePlatform('linux/amd64'), [{}, {}]), undefined)
  })
})
