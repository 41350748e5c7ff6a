import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ServiceDefinition } from '@grpc/grpc-js'
import * as loader from '@grpc/proto-loader'
import { csiDefinition } from './definition.ts'

const services = loader.fromJSON(csiDefinition(), { keepCase: true, longs: Number, enums: String, defaults: true })

/** Field numbers, and what is in them: a number, a text, or the fields of a message or an entry of a map. */
function decode(bytes: Buffer): unknown[] {
  const fields: unknown[] = []
  let at = 0
  const varint = () => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++]!
      value += (byte & 127) * shift
      if (byte < 128) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag % 8 === 0) {
      fields.push([tag / 8, varint()])
    } else {
      const length = varint()
      const part = bytes.subarray(at, (at += length))
      // Texts of this test are marked; everything else that has a length is a message.
      const text = part.toString()
      fields.push([(tag - 2) / 8, text.startsWith('=') ? text : decode(part)])
    }
  }
  return fields
}

function encoded(service: string, method: string, request: object): unknown[] {
  const { path, requestSerialize } = (services[`csi.v1.${service}`] as ServiceDefinition)[method]!
  assert.equal(path, `/csi.v1.${service}/${method}`)
  return decode(requestSerialize(request))
}

const capability = {
  mount: { fs_type: '=ext4', mount_flags: ['=ro', '=x'] },
  access_mode: { mode: 'MULTI_NODE_MULTI_WRITER' },
}
const CAPABILITY = [
  [
    2,
    [
      [1, '=ext4'],
      [2, '=ro'],
      [2, '=x'],
    ],
  ],
  [3, [[1, 5]]],
]
const map = { '=k': '=v' }
const MAP = [
  [1, '=k'],
  [2, '=v'],
]

test('on the wire, fields have the numbers of the specification', () => {
  const where = { segments: map }
  assert.deepEqual(
    encoded('Controller', 'CreateVolume', {
      name: '=n',
      capacity_range: { required_bytes: 2 ** 40, limit_bytes: 2 ** 41 },
      volume_capabilities: [capability],
      parameters: map,
      secrets: map,
      volume_content_source: { volume: { volume_id: '=v' } },
      accessibility_requirements: { requisite: [where], preferred: [where] },
    }),
    [
      [1, '=n'],
      [
        2,
        [
          [1, 2 ** 40],
          [2, 2 ** 41],
        ],
      ],
      [3, CAPABILITY],
      [4, MAP],
      [5, MAP],
      [6, [[2, [[1, '=v']]]]],
      [
        7,
        [
          [1, [[1, MAP]]],
          [2, [[1, MAP]]],
        ],
      ],
    ],
  )
  const common = { volume_id: '=id', publish_context: map, staging_target_path: '=s', volume_capability: capability }
  assert.deepEqual(encoded('Node', 'NodeStageVolume', { ...common, secrets: map, volume_context: map }), [
    [1, '=id'],
    [2, MAP],
    [3, '=s'],
    [4, CAPABILITY],
    [5, MAP],
    [6, MAP],
  ])
  const publish = { ...common, target_path: '=t', readonly: true, secrets: map, volume_context: map }
  assert.deepEqual(encoded('Node', 'NodePublishVolume', publish), [
    [1, '=id'],
    [2, MAP],
    [3, '=s'],
    [4, '=t'],
    [5, CAPABILITY],
    [6, 1],
    [7, MAP],
    [8, MAP],
  ])
  const attach = { volume_id: '=id', node_id: '=n', volume_capability: capability, readonly: true, secrets: map }
  assert.deepEqual(encoded('Controller', 'ControllerPublishVolume', { ...attach, volume_context: map }), [
    [1, '=id'],
    [2, '=n'],
    [3, CAPABILITY],
    [4, 1],
    [5, MAP],
    [6, MAP],
  ])
  const grow = { volume_id: '=id', capacity_range: { required_bytes: 7 }, secrets: map, volume_capability: capability }
  assert.deepEqual(encoded('Controller', 'ControllerExpandVolume', grow), [
    [1, '=id'],
    [2, [[1, 7]]],
    [3, MAP],
    [4, CAPABILITY],
  ])
  assert.deepEqual(encoded('Node', 'NodeExpandVolume', { ...grow, volume_path: '=p', staging_target_path: '=s' }), [
    [1, '=id'],
    [2, '=p'],
    [3, [[1, 7]]],
    [4, '=s'],
    [5, CAPABILITY],
    [6, MAP],
  ])
  assert.deepEqual(encoded('Node', 'NodeUnpublishVolume', { volume_id: '=id', target_path: '=t' }), [
    [1, '=id'],
    [2, '=t'],
  ])
})
