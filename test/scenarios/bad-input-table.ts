import { encodeEnd, encodeEntry, encodePadding, type TarEntry } from '#codec/tar/index.ts'
import type { BadRequest } from '#http/testing/bad-requests.ts'
import { gzipSync } from 'node:zlib'

/** Ids of what the requests are wrong about. */
export interface World {
  /** Runs, on the network `backend` as 10.214.6.40, with the volume `data`. */
  web: string
  paused: string
  created: string
  exited: string
  /** Runs with a read-only root and `data` read-only at /ro. */
  locked: string
  /** Runs on the host's network. */
  hosted: string
  /** Never started, in the network of `web`. */
  joined: string
  network: string
  image: string
  /** One that has run. */
  exec: string
}

const ghost = 'ghost'
const NO_CONTAINER = /no such container: ghost/i
const JSON_HEADERS = { 'Content-Type': 'application/json' }
const TAR = { 'Content-Type': 'application/x-tar' }

const row = (
  status: number,
  method: string,
  path: string,
  message: RegExp,
  body?: unknown,
  headers?: Record<string, string>,
): BadRequest => ({ method, path, body, headers, status, message })

export function member(part: Partial<TarEntry> & { name: string }, content: string | Buffer = ''): Buffer {
  const data = typeof content === 'string' ? Buffer.from(content) : content
  const entry: TarEntry = {
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: data.length,
    mtime: { seconds: 1, nanos: 0 },
    linkName: '',
    major: 0,
    minor: 0,
    xattrs: undefined,
    ...part,
  }
  const pad = data.length % 512 > 0 ? encodePadding(data.length) : Buffer.alloc(0)
  return Buffer.concat([encodeEntry(entry), data, pad])
}

export const archive = (...members: Buffer[]) => Buffer.concat([...members, encodeEnd()])

const GARBAGE = Buffer.alloc(4096, 'not a tar archive ')
/** Announces more than it has. */
const TRUNCATED = member({ name: 'x', size: 100_000 }, 'short').subarray(0, 600)
/** 512 MB of zeros in half a megabyte: as a tar it is nothing but its end. */
const BROKEN_GZIP = gzipSync(Buffer.alloc(1 << 20)).subarray(0, 500)
const manifest = (entries: unknown) => {
  const text = typeof entries === 'string' ? entries : JSON.stringify(entries)
  return member({ name: 'manifest.json' }, text)
}
const digest = (fill: string) => `sha256:${fill.repeat(64)}`
const layout = (index: unknown) =>
  archive(
    member({ name: 'oci-layout' }, '{"imageLayoutVersion":"1.0.0"}'),
    member({ name: 'index.json' }, JSON.stringify(index)),
  )

export function wrongForWorld(world: World): BadRequest[] {
  return [
    ...unknownThings(),
    ...wrongStates(world),
    ...takenAndInUse(world),
    ...networksAndMounts(),
    ...files(),
    ...images(world),
    ...odd(),
  ]
}

function unknownThings(): BadRequest[] {
  const verbs = ['start', 'stop', 'kill', 'restart', 'pause', 'unpause', 'wait', 'attach?stream=1', 'resize?h=1&w=1']
  return [
    ...verbs.map(verb => row(404, 'POST', `/containers/${ghost}/${verb}`, NO_CONTAINER)),
    row(404, 'POST', `/containers/${ghost}/rename?name=other`, NO_CONTAINER),
    row(404, 'POST', `/containers/${ghost}/update`, NO_CONTAINER, {}),
    row(404, 'POST', `/containers/${ghost}/exec`, NO_CONTAINER, { Cmd: ['true'] }),
    ...['json', 'top', 'changes', 'export', 'stats', 'logs?stdout=1', 'archive?path=/'].map(what =>
      row(404, 'GET', `/containers/${ghost}/${what}`, NO_CONTAINER),
    ),
    row(404, 'PUT', `/containers/${ghost}/archive?path=/`, NO_CONTAINER, archive(), TAR),
    row(404, 'DELETE', `/containers/${ghost}`, NO_CONTAINER),
    row(404, 'DELETE', `/containers/${ghost}?force=1`, NO_CONTAINER),
    row(404, 'POST', `/commit?container=${ghost}`, NO_CONTAINER),
    row(404, 'POST', `/exec/${ghost}/start`, /no such exec instance: ghost/i, {}),
    row(404, 'POST', `/exec/${ghost}/resize?h=1&w=1`, /no such exec instance: ghost/i),
    row(404, 'DELETE', `/networks/${ghost}`, /network ghost not found/),
    row(404, 'POST', `/networks/${ghost}/connect`, /network ghost not found/, { Container: 'web' }),
    row(404, 'POST', `/networks/${ghost}/disconnect`, /network ghost not found/, { Container: 'web' }),
    row(404, 'POST', '/networks/backend/connect', NO_CONTAINER, { Container: ghost }),
    row(404, 'POST', '/networks/backend/disconnect', NO_CONTAINER, { Container: ghost }),
    row(404, 'DELETE', `/volumes/${ghost}`, /get ghost: no such volume/),
    row(404, 'DELETE', `/images/${ghost}`, /no such image: ghost/i),
    row(404, 'GET', `/images/${ghost}/history`, /no such image: ghost/i),
    row(404, 'GET', `/images/${ghost}/get`, /no such image: ghost/i),
    row(404, 'POST', `/images/${ghost}/tag?repo=other`, /no such image: ghost/i),
    row(404, 'POST', '/containers/create', /no such image: ghost/i, { Image: ghost }),
    row(404, 'POST', '/containers/create?name=web2', /no such image: sha256:0{64}/i, { Image: digest('0') }),
    // 404 in Docker in part, which its client takes for a missing image, and pulls.
    ...[
      { NetworkMode: `container:${ghost}` },
      { PidMode: `container:${ghost}` },
      { IpcMode: `container:${ghost}` },
      { VolumesFrom: [ghost] },
    ].map(HostConfig => row(400, 'POST', '/containers/create', NO_CONTAINER, { Image: 'busybox', HostConfig })),
    ...[
      { NetworkMode: ghost },
      { Mounts: [{ Type: 'image', Source: ghost, Target: '/x' }] },
      { VolumeDriver: ghost, Binds: ['vol:/x'] },
    ].map(HostConfig =>
      row(400, 'POST', '/containers/create', /ghost.* not found|no such image: ghost/i, {
        Image: 'busybox',
        HostConfig,
      }),
    ),
    row(404, 'POST', '/volumes/create', /plugin "nope" not found/, { Name: 'vol', Driver: 'nope' }),
    row(404, 'POST', '/networks/create', /plugin "nope" not found/, { Name: 'net', Driver: 'nope' }),
  ]
}

function wrongStates({ web, paused, exited, exec }: World): BadRequest[] {
  const notRunning = /(exited|created|[0-9a-f]{64}) is not running/
  return [
    row(304, 'POST', '/containers/web/start', /^/),
    row(304, 'POST', '/containers/exited/stop', /^/),
    row(304, 'POST', '/containers/created/stop', /^/),
    row(
      409,
      'POST',
      '/containers/paused/start',
      /paused.* is paused: unpause it first|cannot start a paused container/,
    ),
    row(409, 'POST', '/containers/paused/pause', new RegExp(`${paused} is already paused`)),
    row(409, 'POST', '/containers/exited/pause', notRunning),
    row(409, 'POST', '/containers/created/pause', notRunning),
    // 500 in Docker, which is what it answers to errors without a kind; the request is in conflict with the state.
    row(409, 'POST', '/containers/web/unpause', /is not paused/),
    row(409, 'POST', '/containers/exited/unpause', /is not paused/),
    row(409, 'POST', '/containers/exited/kill', new RegExp(`${exited} is not running`)),
    row(409, 'POST', '/containers/created/kill?signal=TERM', notRunning),
    row(409, 'POST', '/containers/exited/exec', new RegExp(`container ${exited} is not running`), { Cmd: ['true'] }),
    row(409, 'POST', '/containers/created/exec', notRunning, { Cmd: ['true'] }),
    row(
      409,
      'POST',
      '/containers/paused/exec',
      new RegExp(`container ${paused} is paused, unpause the container before exec`, 'i'),
      { Cmd: ['true'] },
    ),
    row(409, 'POST', '/containers/paused/attach?stream=1&stdout=1', /is paused, unpause the container before attach/),
    row(409, 'GET', '/containers/exited/top', new RegExp(`${exited} is not running`)),
    row(409, 'POST', '/containers/exited/resize?h=10&w=10', notRunning),
    row(409, 'POST', `/exec/${exec}/start`, /has already run/, { Detach: true }),
    row(409, 'POST', `/exec/${exec}/start`, /has already run/, {}),
    row(
      409,
      'DELETE',
      '/containers/web',
      new RegExp(`cannot remove container "/?web".* is running: stop the container before removing or force remove`),
    ),
    row(409, 'DELETE', `/containers/${web.slice(0, 12)}?v=1`, /is running: stop the container before removing/),
    row(409, 'DELETE', '/containers/paused', /is paused and must be unpaused first/),
    row(400, 'POST', '/containers/web/rename?name=web', /Renaming a container with the same name as its current name/),
    row(400, 'POST', '/containers/web/exec', /working directory 'tmp' is invalid/, {
      Cmd: ['true'],
      WorkingDir: 'tmp',
    }),
  ]
}

function takenAndInUse({ web, paused, network, image }: World): BadRequest[] {
  const inUse = (name: string, id: string) =>
    new RegExp(`Conflict\\. The container name "/${name}" is already in use by container "?${id}"?`)
  return [
    row(409, 'POST', '/containers/create?name=web', inUse('web', web), { Image: 'busybox' }),
    row(409, 'POST', '/containers/create?name=/paused', inUse('paused', paused), { Image: 'busybox' }),
    row(409, 'POST', '/containers/web/rename?name=paused', inUse('paused', paused)),
    row(409, 'POST', '/containers/created/rename?name=/web', inUse('web', web)),
    row(409, 'DELETE', '/volumes/data', new RegExp(`remove data: volume is in use - \\[.*${web}`)),
    row(409, 'DELETE', '/volumes/data?force=1', /remove data: volume is in use/),
    row(409, 'POST', '/volumes/create', /a volume named data already exists with other options/, {
      Name: 'data',
      DriverOpts: { type: 'tmpfs', device: 'tmpfs' },
    }),
    row(403, 'DELETE', '/networks/backend', /network backend id [0-9a-f]{64} has active endpoints/),
    row(403, 'DELETE', `/networks/${network}`, /has active endpoints .*name:"web"/),
    row(403, 'DELETE', '/networks/bridge', /bridge is a pre-defined network and cannot be removed/),
    row(403, 'DELETE', '/networks/host', /host is a pre-defined network and cannot be removed/),
    row(403, 'DELETE', '/networks/none', /none is a pre-defined network and cannot be removed/),
    row(409, 'POST', '/networks/create', /network with name backend already exists/, { Name: 'backend' }),
    row(403, 'POST', '/networks/create', /operation is not permitted on predefined bridge network/, { Name: 'bridge' }),
    row(403, 'POST', '/networks/create', /operation is not permitted on predefined none network/, { Name: 'none' }),
    row(403, 'POST', '/networks/create', /Pool overlaps with other one on this address space/, {
      Name: 'other',
      IPAM: { Config: [{ Subnet: '10.214.6.0/25' }] },
    }),
    row(403, 'POST', '/networks/backend/connect', /endpoint with name web already exists in network backend/, {
      Container: 'web',
    }),
    // 500 in Docker.
    row(409, 'POST', '/networks/bridge/disconnect', new RegExp(`${web} is not connected to network bridge`), {
      Container: 'web',
    }),
    row(409, 'DELETE', '/images/busybox', /unable to remove repository reference "busybox" \(must force\)/),
    row(409, 'DELETE', `/images/${image}`, /cannot be forced\) - image is being used by running container/),
    row(409, 'DELETE', `/images/${image}?force=1`, /cannot be forced\) - image is being used by running container/),
  ]
}

function networksAndMounts(): BadRequest[] {
  const on = (name: string, endpoint: object) => ({
    Image: 'busybox',
    HostConfig: { NetworkMode: name },
    NetworkingConfig: { EndpointsConfig: { [name]: endpoint } },
  })
  const address = (IPv4Address: string) => ({ IPAMConfig: { IPv4Address } })
  const bind = (path: string) => ({
    Image: 'busybox',
    HostConfig: { Mounts: [{ Type: 'bind', Source: path, Target: '/x' }] },
  })
  return [
    row(400, 'POST', '/containers/create', /10\.99\.0\.1/, on('backend', address('10.99.0.1'))),
    row(400, 'POST', '/networks/backend/connect', /10\.99\.0\.1/, {
      Container: 'paused',
      EndpointConfig: address('10.99.0.1'),
    }),
    row(403, 'POST', '/networks/backend/connect', /Address already in use|10\.214\.6\.40/i, {
      Container: 'paused',
      EndpointConfig: address('10.214.6.40'),
    }),
    row(400, 'POST', '/networks/host/connect', /host network/, { Container: 'web' }),
    row(409, 'POST', '/networks/backend/connect', /disconnected from host network or connected to/, {
      Container: 'hosted',
    }),
    row(
      409,
      'POST',
      '/networks/backend/connect',
      /container sharing network namespace with another container or host/,
      {
        Container: 'joined',
      },
    ),
    row(400, 'POST', '/containers/create', /bind source path does not exist: \/no\/such\/path/, bind('/no/such/path')),
    row(400, 'POST', '/containers/create', /duplicate mount point: \/x/i, {
      Image: 'busybox',
      HostConfig: { Binds: ['data:/x', '/tmp:/x'] },
    }),
    row(400, 'POST', '/volumes/create', /volume name has 300 characters, at most 255 are allowed/, {
      Name: 'v'.repeat(300),
    }),
    row(400, 'POST', '/networks/create', /(too long|invalid)/, { Name: 'n'.repeat(300) }),
    row(400, 'POST', '/volumes/create', /nope/, { Name: 'opts', DriverOpts: { nope: '1' } }),
  ]
}

function files(): BadRequest[] {
  const put = (status: number, path: string, message: RegExp, body: Buffer, name = 'web') =>
    row(status, 'PUT', `/containers/${name}/archive?path=${path}`, message, body, TAR)
  const ok = archive(member({ name: 'file' }, 'content'))
  return [
    row(404, 'GET', '/containers/web/archive?path=/no/such', /Could not find the file \/no\/such in container web/),
    row(400, 'GET', '/containers/web/archive?path=/etc/passwd/x', /not a directory: \/etc\/passwd\/x/),
    row(404, 'GET', '/containers/exited/archive?path=../../../no', /Could not find the file .*no in container exited/),
    row(400, 'GET', `/containers/web/archive?path=/${'p'.repeat(300)}`, /^path is too long: .{70,90}$/),
    row(400, 'GET', `/containers/web/archive?path=/${'p/'.repeat(5000)}`, /^path is too long: .{70,90}$/),
    put(404, '/no/such', /Could not find the file \/no\/such in container web/, ok),
    put(400, '/etc/passwd', /not a directory/, ok),
    put(403, '/', /container rootfs is marked read-only|marked read-only/, ok, 'locked'),
    put(403, '/ro', /mounted volume is marked read-only/, ok, 'locked'),
    put(400, '/tmp', /archive|tar/i, GARBAGE),
    put(400, '/tmp', /archive|tar|gzip/i, BROKEN_GZIP),
    put(400, '/tmp', /archive member \.\.\/\.\.\/x leads out of its root/, archive(member({ name: '../../x' }))),
    put(
      400,
      '/tmp',
      /leads out of its root/,
      archive(member({ name: 'l', type: 'link', linkName: '../../../etc/passwd' })),
    ),
    put(
      400,
      '/tmp',
      /hard link|no such|not found|missing/i,
      archive(member({ name: 'l', type: 'link', linkName: 'no' })),
    ),
    put(400, '/tmp', /too long/, archive(member({ name: 'n'.repeat(5000) }))),
    put(400, '/tmp', /too long/, archive(member({ name: 'n'.repeat(300) }))),
  ]
}

function images({ image }: World): BadRequest[] {
  const load = (message: RegExp, body: Buffer, status = 400) => row(status, 'POST', '/images/load', message, body, TAR)
  const bring = (message: RegExp, body: Buffer, query = '') =>
    row(400, 'POST', `/images/create?fromSrc=-${query}`, message, body, TAR)
  const ok = archive(member({ name: 'file' }, 'content'))
  const entry = { Config: 'config.json', RepoTags: ['evil:1'], Layers: ['layer.tar'] }
  return [
    load(/archive|tar/i, GARBAGE),
    load(/archive|tar/i, Buffer.alloc(0)),
    load(/archive|tar|ends/i, TRUNCATED),
    load(/image archive is damaged/, BROKEN_GZIP),
    load(/neither manifest\.json nor index\.json/, ok),
    load(/manifest\.json/, archive(manifest('{"'))),
    load(/manifest\.json/, archive(manifest({ not: 'a list' }))),
    load(/manifest\.json/, archive(manifest([1]))),
    load(/config\.json/, archive(manifest([entry]))),
    load(/\.\.\/\.\.\/etc\/passwd/, archive(manifest([{ ...entry, Config: '../../etc/passwd' }]))),
    load(/layer\.tar|config/, archive(manifest([entry]), member({ name: 'config.json' }, '{}'))),
    load(
      /has 1 layers, its configuration names 0/,
      archive(
        manifest([entry]),
        member(
          { name: 'config.json' },
          '{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}',
        ),
        member({ name: 'layer.tar' }, archive(member({ name: '../../../x' }, 'x'))),
      ),
    ),
    load(
      /evil|reference|tag/,
      archive(
        manifest([{ ...entry, RepoTags: ['EVIL/../x:1'], Layers: [] }]),
        member(
          { name: 'config.json' },
          '{"os":"linux","architecture":"amd64","rootfs":{"type":"layers","diff_ids":[]}}',
        ),
      ),
    ),
    load(
      /config\.json|symlink|link/,
      archive(manifest([entry]), member({ name: 'config.json', type: 'symlink', linkName: '/etc/passwd' })),
    ),
    load(/image manifest is not a JSON object/, layout([])),
    load(/image archive holds no image for platform/, layout({ schemaVersion: 2, manifests: [] }), 404),
    load(
      /image archive holds no image for platform/,
      layout({ schemaVersion: 2, manifests: [{ digest: digest('a'), size: 1, mediaType: 'x' }] }),
      404,
    ),
    load(
      /image manifest has a descriptor with the bad digest/,
      layout({ schemaVersion: 2, manifests: [{ digest: 'sha256:../../../etc/passwd', size: 1 }] }),
      400,
    ),
    bring(/archive|tar/i, GARBAGE),
    bring(/archive|tar|ends/i, TRUNCATED),
    bring(/root filesystem is damaged/, BROKEN_GZIP),
    bring(/leads out of its root/, archive(member({ name: '../../x' }, 'x'))),
    bring(/leads out of its root/, archive(member({ name: 'l', type: 'link', linkName: '../../../etc/passwd' }))),
    bring(/invalid reference format/, ok, '&repo=UPPER'),
    bring(/NOPE/i, ok, '&changes=NOPE%201'),
    row(501, 'POST', '/images/create?fromSrc=http%3A%2F%2F127.0.0.1%2Fx.tar', /importing from a URL is not supported/),
    row(400, 'POST', '/images/create?fromImage=UPPER', /invalid reference format.*lowercase/),
    row(400, 'POST', '/images/create?fromImage=..%2F..%2Fetc', /invalid reference format/),
    row(400, 'POST', '/images/create?fromImage=a&tag=b%20c', /invalid reference format/),
    row(400, 'POST', `/images/create?fromImage=a&tag=${'t'.repeat(200)}`, /invalid reference format/),
    row(400, 'POST', '/images/busybox/tag?repo=UPPER', /invalid reference format/),
    row(400, 'POST', '/images/busybox/tag?repo=x&tag=-', /invalid/),
    row(400, 'POST', '/commit?container=web&repo=UPPER', /invalid reference format/),
    row(400, 'POST', '/commit?container=web&changes=NOPE%20x', /NOPE/i),
    row(400, 'POST', '/commit?container=web', /string into field Cmd|field Env/, { Env: 'x' }),
    row(404, 'GET', `/images/get?names=busybox&names=${ghost}`, /no such image: ghost/i),
    row(404, 'GET', `/images/${image.slice(0, 40)}0000000000000/json`, /no such image/i),
    row(400, 'GET', '/images/..%2F..%2Fetc%2Fpasswd/json', /invalid reference format/),
  ]
}

/** Paths, queries, headers and bodies that no client of good faith sends. */
function odd(): BadRequest[] {
  const filter = (path: string, filters: unknown, message: RegExp, method = 'GET') =>
    row(400, method, `${path}?filters=${encodeURIComponent(JSON.stringify(filters))}`, message)
  const unknown = { nope: ['1'] }
  const deep = `${'['.repeat(1_000_000)}${']'.repeat(1_000_000)}`
  const many = (count: number, one: (i: number) => string) => Array.from({ length: count }, (_, i) => one(i)).join(',')
  return [
    ...['/containers/json', '/images/json', '/networks', '/volumes', '/events'].map(path =>
      filter(path, unknown, /invalid filter.*nope/),
    ),
    ...['containers', 'images', 'networks', 'volumes'].map(what =>
      filter(`/${what}/prune`, unknown, /invalid filter.*nope/, 'POST'),
    ),
    filter('/containers/json', { status: ['asleep'] }, /asleep/),
    filter('/containers/json', { exited: ['x'] }, /exited.*x|invalid filter/),
    filter('/containers/json', { health: ['ill'] }, /ill/),
    filter('/containers/prune', { until: ['someday'] }, /someday|until/, 'POST'),
    filter('/images/prune', { dangling: ['perhaps'] }, /dangling/, 'POST'),
    row(400, 'GET', `/containers/json?filters=${encodeURIComponent('{"before":["ghost"]}')}`, NO_CONTAINER),
    row(404, 'GET', '/containers/%2e%2e/json', /no such container: \.\.|page not found/i),
    row(404, 'GET', '/containers/..%2F..%2Fetc/json', /page not found/),
    row(404, 'GET', '/containers/../../etc/passwd', /page not found|no such/i),
    row(404, 'GET', '/volumes/..%2F..%2Fetc', /page not found/),
    row(404, 'DELETE', '/volumes/..%2F..', /page not found/),
    row(404, 'GET', `/containers/${'c'.repeat(100_000)}/json`, /no such container/i),
    row(404, 'GET', '/containers/%00/json', /no such container/i),
    row(404, 'GET', '/containers/%F0%9F%90%B3/json', /no such container/i),
    row(404, 'GET', '/containers/__proto__/json', /no such container: __proto__/i),
    row(404, 'GET', '/networks/constructor', /network constructor not found/),
    row(404, 'GET', '/volumes/__proto__', /get __proto__: no such volume/),
    row(404, 'GET', '//containers/json', /page not found/),
    row(404, 'GET', '/v1.51', /page not found/),
    row(404, 'GET', '/v1.51/v1.51/info', /page not found/),
    row(404, 'PUT', '/containers/json', /page not found/),
    row(404, 'POST', '/containers/web/json', /page not found/),
    row(404, 'TRACE', '/info', /page not found/),
    row(404, 'OPTIONS', '/containers/json', /page not found/),
    row(400, 'POST', '/containers/create', /cannot unmarshal list/, deep),
    row(404, 'POST', '/containers/create', /no such image: ghost/i, `{"Image":"ghost","Extra":${deep}}`),
    row(
      404,
      'POST',
      '/containers/create',
      /no such image: ghost/i,
      `{"Image":"ghost","Labels":{${many(400_000, i => `"k${i}":""`)}}}`,
    ),
    row(
      400,
      'POST',
      '/containers/create',
      /number 1 into field Labels\.k\d+ of type string/,
      `{"Image":"ghost","Labels":{${many(400_000, i => `"k${i}":1`)}}}`,
    ),
    row(
      400,
      'POST',
      '/containers/create',
      /field Env\.\d+ of type string/,
      `{"Image":"ghost","Env":[${many(1_000_000, () => '1')}]}`,
    ),
    row(
      404,
      'POST',
      '/containers/create',
      /no such image: ghost/i,
      `{"Image":"ghost","__proto__":{"HostConfig":{"Privileged":true}}}`,
    ),
    row(400, 'POST', '/containers/create', /invalid JSON/, Buffer.from([0x7b, 0xff, 0xfe, 0x00])),
    row(400, 'POST', '/containers/create', /invalid JSON/, '{"Image":"busybox"} {}'),
    row(400, 'POST', '/containers/create', /unsupported Content-Type header/, '{}', {
      'Content-Type': 'application/jsonx',
    }),
    row(400, 'POST', '/containers/create', /unsupported Content-Type header/, '{}', {
      'Content-Type': 'multipart/form-data',
    }),
    row(413, 'POST', '/containers/create', /larger than/, Buffer.alloc(9 << 20, 32), {
      ...JSON_HEADERS,
      'Transfer-Encoding': 'chunked',
    }),
    row(400, 'GET', '/containers/json?limit=1e3', /parsing "1e3": invalid syntax/),
    row(400, 'GET', '/containers/json?limit=0x10', /parsing "0x10": invalid syntax/),
    row(400, 'GET', '/containers/web/logs?stdout=1&until=-x', /parsing "-x"/),
    row(400, 'POST', '/images/create?fromImage=a', /X-Registry-Auth/, undefined, { 'X-Registry-Auth': 'e30x' }),
  ]
}
