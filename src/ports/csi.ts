/**
 * Storage drivers that speak the Container Storage Interface (gRPC, version 1.x of its specification), found by a socket of their
 * name each time they are needed. Fields have the specification's names; those that are not here are not used.
 */
export interface Csi {
  /** Names of the drivers that have a socket. */
  list(): Promise<string[]>
  /** Whether a driver of the name has a socket, answering or not. */
  has(driver: string): Promise<boolean>
  /**
   * Asks once. Fields that the driver leaves out have their zero value.
   *
   * @throws not-found when it has no socket; system with `details.code` (`ABORTED`, `DEADLINE_EXCEEDED`, ...) and the
   * driver's own words in `details.reason`, in bounded time
   */
  call<M extends CsiMethod>(
    driver: string,
    method: M,
    request: CsiCalls[M][0],
    options: { timeoutMs: number },
  ): Promise<CsiCalls[M][1]>
}

export type CsiMethod = keyof CsiCalls

type Texts = Record<string, string>

export interface CsiCapability {
  mount: { fs_type: string; mount_flags: string[] }
  access_mode: { mode: string }
}

export interface CsiTopology {
  segments: Texts
}

export type CsiContentSource = { volume: { volume_id: string } } | { snapshot: { snapshot_id: string } }

interface Range {
  required_bytes: number
  limit_bytes?: number
}

export interface CsiStaging {
  volume_id: string
  publish_context: Texts
  staging_target_path: string
  volume_capability: CsiCapability
  secrets: Texts
  volume_context: Texts
}

/** Request and response of each method that is used, by service and name. */
export interface CsiCalls {
  'Identity.GetPluginInfo': [object, { name: string; vendor_version: string; manifest: Texts }]
  'Identity.GetPluginCapabilities': [
    object,
    { capabilities: { service?: { type: string } | null; volume_expansion?: { type: string } | null }[] },
  ]
  'Identity.Probe': [object, { ready: { value: boolean } | null }]
  'Controller.ControllerGetCapabilities': [object, { capabilities: { rpc: { type: string } | null }[] }]
  'Controller.CreateVolume': [
    {
      name: string
      capacity_range?: Range
      volume_capabilities: CsiCapability[]
      parameters: Texts
      secrets: Texts
      volume_content_source?: CsiContentSource
      accessibility_requirements?: { requisite: CsiTopology[]; preferred: CsiTopology[] }
    },
    {
      volume: {
        capacity_bytes: number
        volume_id: string
        volume_context: Texts
        accessible_topology: CsiTopology[]
      } | null
    },
  ]
  'Controller.DeleteVolume': [{ volume_id: string; secrets: Texts }, object]
  'Controller.ControllerPublishVolume': [
    {
      volume_id: string
      node_id: string
      volume_capability: CsiCapability
      readonly: boolean
      secrets: Texts
      volume_context: Texts
    },
    { publish_context: Texts },
  ]
  'Controller.ControllerUnpublishVolume': [{ volume_id: string; node_id: string; secrets: Texts }, object]
  'Controller.ValidateVolumeCapabilities': [
    {
      volume_id: string
      volume_context: Texts
      volume_capabilities: CsiCapability[]
      parameters: Texts
      secrets: Texts
    },
    { confirmed: object | null; message: string },
  ]
  'Controller.ControllerExpandVolume': [
    { volume_id: string; capacity_range: Range; secrets: Texts; volume_capability: CsiCapability },
    { capacity_bytes: number; node_expansion_required: boolean },
  ]
  'Controller.CreateSnapshot': [
    { source_volume_id: string; name: string; secrets: Texts; parameters: Texts },
    { snapshot: { snapshot_id: string; ready_to_use: boolean } | null },
  ]
  'Controller.DeleteSnapshot': [{ snapshot_id: string; secrets: Texts }, object]
  'Node.NodeGetInfo': [
    object,
    { node_id: string; max_volumes_per_node: number; accessible_topology: CsiTopology | null },
  ]
  'Node.NodeGetCapabilities': [object, { capabilities: { rpc: { type: string } | null }[] }]
  'Node.NodeStageVolume': [CsiStaging, object]
  'Node.NodeUnstageVolume': [{ volume_id: string; staging_target_path: string }, object]
  'Node.NodePublishVolume': [CsiStaging & { target_path: string; readonly: boolean }, object]
  'Node.NodeUnpublishVolume': [{ volume_id: string; target_path: string }, object]
  'Node.NodeGetVolumeStats': [
    { volume_id: string; volume_path: string; staging_target_path: string },
    { usage: { available: number; total: number; used: number; unit: string }[] },
  ]
  'Node.NodeExpandVolume': [
    {
      volume_id: string
      volume_path: string
      capacity_range: Range
      staging_target_path: string
      volume_capability: CsiCapability
      secrets: Texts
    },
    { capacity_bytes: number },
  ]
}
