/**
 * The part of the Container Storage Interface (version 1) that is used, as facts: a method's request and response, a message's field
 * numbers, types and names. A field is `NUMBER [repeated] TYPE NAME`; `texts` is a map of text to text.
 */
const SERVICES: Readonly<Record<string, readonly string[]>> = {
  Identity: ['GetPluginInfo', 'GetPluginCapabilities', 'Probe'],
  Controller: [
    'CreateVolume',
    'DeleteVolume',
    'ControllerPublishVolume',
    'ControllerUnpublishVolume',
    'ValidateVolumeCapabilities',
    'ControllerGetCapabilities',
    'ControllerExpandVolume',
    'CreateSnapshot',
    'DeleteSnapshot',
  ],
  Node: [
    'NodeStageVolume',
    'NodeUnstageVolume',
    'NodePublishVolume',
    'NodeUnpublishVolume',
    'NodeGetVolumeStats',
    'NodeExpandVolume',
    'NodeGetCapabilities',
    'NodeGetInfo',
  ],
}

const STAGING = ['1 string volume_id', '2 texts publish_context', '3 string staging_target_path']

/** Requests and responses that are not here have no fields. */
const MESSAGES: Readonly<Record<string, readonly string[]>> = {
  GetPluginInfoResponse: ['1 string name', '2 string vendor_version', '3 texts manifest'],
  GetPluginCapabilitiesResponse: ['1 repeated PluginCapability capabilities'],
  PluginCapability: ['1 PluginService service', '2 VolumeExpansion volume_expansion'],
  PluginService: ['1 PluginServiceType type'],
  VolumeExpansion: ['1 VolumeExpansionType type'],
  ProbeResponse: ['1 Ready ready'],
  Ready: ['1 bool value'],
  CreateVolumeRequest: [
    '1 string name',
    '2 CapacityRange capacity_range',
    '3 repeated VolumeCapability volume_capabilities',
    '4 texts parameters',
    '5 texts secrets',
    '6 VolumeContentSource volume_content_source',
    '7 TopologyRequirement accessibility_requirements',
  ],
  CreateVolumeResponse: ['1 Volume volume'],
  Volume: [
    '1 int64 capacity_bytes',
    '2 string volume_id',
    '3 texts volume_context',
    '4 VolumeContentSource content_source',
    '5 repeated Topology accessible_topology',
  ],
  VolumeContentSource: ['1 SnapshotSource snapshot', '2 VolumeSource volume'],
  SnapshotSource: ['1 string snapshot_id'],
  VolumeSource: ['1 string volume_id'],
  VolumeCapability: ['2 MountVolume mount', '3 AccessMode access_mode'],
  MountVolume: ['1 string fs_type', '2 repeated string mount_flags'],
  AccessMode: ['1 AccessModeType mode'],
  CapacityRange: ['1 int64 required_bytes', '2 int64 limit_bytes'],
  TopologyRequirement: ['1 repeated Topology requisite', '2 repeated Topology preferred'],
  Topology: ['1 texts segments'],
  DeleteVolumeRequest: ['1 string volume_id', '2 texts secrets'],
  ControllerPublishVolumeRequest: [
    '1 string volume_id',
    '2 string node_id',
    '3 VolumeCapability volume_capability',
    '4 bool readonly',
    '5 texts secrets',
    '6 texts volume_context',
  ],
  ControllerPublishVolumeResponse: ['1 texts publish_context'],
  ControllerUnpublishVolumeRequest: ['1 string volume_id', '2 string node_id', '3 texts secrets'],
  ValidateVolumeCapabilitiesRequest: [
    '1 string volume_id',
    '2 texts volume_context',
    '3 repeated VolumeCapability volume_capabilities',
    '4 texts parameters',
    '5 texts secrets',
  ],
  ValidateVolumeCapabilitiesResponse: ['1 Confirmed confirmed', '2 string message'],
  Confirmed: ['1 texts volume_context', '2 repeated VolumeCapability volume_capabilities', '3 texts parameters'],
  ControllerGetCapabilitiesResponse: ['1 repeated ControllerCapability capabilities'],
  ControllerCapability: ['1 ControllerRpc rpc'],
  ControllerRpc: ['1 ControllerRpcType type'],
  ControllerExpandVolumeRequest: [
    '1 string volume_id',
    '2 CapacityRange capacity_range',
    '3 texts secrets',
    '4 VolumeCapability volume_capability',
  ],
  ControllerExpandVolumeResponse: ['1 int64 capacity_bytes', '2 bool node_expansion_required'],
  CreateSnapshotRequest: ['1 string source_volume_id', '2 string name', '3 texts secrets', '4 texts parameters'],
  CreateSnapshotResponse: ['1 Snapshot snapshot'],
  Snapshot: ['1 int64 size_bytes', '2 string snapshot_id', '3 string source_volume_id', '5 bool ready_to_use'],
  DeleteSnapshotRequest: ['1 string snapshot_id', '2 texts secrets'],
  NodeStageVolumeRequest: [
    ...STAGING,
    '4 VolumeCapability volume_capability',
    '5 texts secrets',
    '6 texts volume_context',
  ],
  NodeUnstageVolumeRequest: ['1 string volume_id', '2 string staging_target_path'],
  NodePublishVolumeRequest: [
    ...STAGING,
    '4 string target_path',
    '5 VolumeCapability volume_capability',
    '6 bool readonly',
    '7 texts secrets',
    '8 texts volume_context',
  ],
  NodeUnpublishVolumeRequest: ['1 string volume_id', '2 string target_path'],
  NodeGetVolumeStatsRequest: ['1 string volume_id', '2 string volume_path', '3 string staging_target_path'],
  NodeGetVolumeStatsResponse: ['1 repeated VolumeUsage usage'],
  VolumeUsage: ['1 int64 available', '2 int64 total', '3 int64 used', '4 UsageUnit unit'],
  NodeExpandVolumeRequest: [
    '1 string volume_id',
    '2 string volume_path',
    '3 CapacityRange capacity_range',
    '4 string staging_target_path',
    '5 VolumeCapability volume_capability',
    '6 texts secrets',
  ],
  NodeExpandVolumeResponse: ['1 int64 capacity_bytes'],
  NodeGetCapabilitiesResponse: ['1 repeated NodeCapability capabilities'],
  NodeCapability: ['1 NodeRpc rpc'],
  NodeRpc: ['1 NodeRpcType type'],
  NodeGetInfoResponse: ['1 string node_id', '2 int64 max_volumes_per_node', '3 Topology accessible_topology'],
}

/** From 0 on. */
const ENUMS: Readonly<Record<string, string>> = {
  PluginServiceType: 'UNKNOWN CONTROLLER_SERVICE VOLUME_ACCESSIBILITY_CONSTRAINTS GROUP_CONTROLLER_SERVICE',
  VolumeExpansionType: 'UNKNOWN ONLINE OFFLINE',
  AccessModeType:
    'UNKNOWN SINGLE_NODE_WRITER SINGLE_NODE_READER_ONLY MULTI_NODE_READER_ONLY MULTI_NODE_SINGLE_WRITER ' +
    'MULTI_NODE_MULTI_WRITER SINGLE_NODE_SINGLE_WRITER SINGLE_NODE_MULTI_WRITER',
  ControllerRpcType:
    'UNKNOWN CREATE_DELETE_VOLUME PUBLISH_UNPUBLISH_VOLUME LIST_VOLUMES GET_CAPACITY CREATE_DELETE_SNAPSHOT ' +
    'LIST_SNAPSHOTS CLONE_VOLUME PUBLISH_READONLY EXPAND_VOLUME LIST_VOLUMES_PUBLISHED_NODES VOLUME_CONDITION ' +
    'GET_VOLUME SINGLE_NODE_MULTI_WRITER',
  NodeRpcType:
    'UNKNOWN STAGE_UNSTAGE_VOLUME GET_VOLUME_STATS EXPAND_VOLUME VOLUME_CONDITION SINGLE_NODE_MULTI_WRITER ' +
    'VOLUME_MOUNT_GROUP',
  UsageUnit: 'UNKNOWN BYTES INODES',
}

interface Field {
  id: number
  type: string
  rule?: 'repeated'
  keyType?: 'string'
}

function fieldOf(text: string): [string, Field] {
  const words = text.split(' ')
  const id = Number(words[0])
  const name = words.at(-1)!
  const type = words.at(-2)!
  if (type === 'texts') return [name, { id, type: 'string', keyType: 'string' }]
  return [name, { id, type, ...(words.length === 4 && { rule: 'repeated' as const }) }]
}

/** As protobufjs takes it (`Root.fromJSON`). */
export function csiDefinition() {
  const nested: Record<string, object> = {}
  for (const [service, methods] of Object.entries(SERVICES)) {
    nested[service] = {
      methods: Object.fromEntries(
        methods.map(name => [name, { requestType: `${name}Request`, responseType: `${name}Response` }]),
      ),
    }
    for (const name of methods) for (const end of ['Request', 'Response']) nested[name + end] = { fields: {} }
  }
  for (const [name, fields] of Object.entries(MESSAGES))
    nested[name] = { fields: Object.fromEntries(fields.map(fieldOf)) }
  for (const [name, words] of Object.entries(ENUMS)) {
    nested[name] = { values: Object.fromEntries(words.split(' ').map((word, index) => [word, index])) }
  }
  return { nested: { csi: { nested: { v1: { nested } } } } }
}
