import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PortBinding } from '#model/config.ts'
import type { ContainerRecord } from '#model/container.ts'
import { changedPorts } from './publish.ts'

const record = (list: PortBinding[], hostPort: number) =>
  ({
    name: 'web',
    config: { ExposedPorts: {} },
    hostConfig: { NetworkMode: 'bridge', PortBindings: { '80/tcp': list } },
    publishedPorts: [{ containerPort: 80, protocol: 'tcp', hostIp: '0.0.0.0', hostPort }],
  }) as unknown as ContainerRecord

const binding = (HostPort: string): PortBinding => ({ HostIp: '', HostPort })

test('a port that came from a range or from nowhere takes its own binding away, not its neighbour', () => {
  for (const asked of ['8000-8010', '']) {
    const before = record([binding(asked), binding('9000')], 8003)
    const { bindings } = changedPorts(before, {}, { '80/tcp': [binding('8003')] })!
    assert.deepEqual(bindings, { '80/tcp': [binding('9000')] })
  }
})
