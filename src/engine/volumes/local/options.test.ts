import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isKind } from '#lib/errors.ts'
import { parseBytes, shownBytes } from './bytes.ts'
import { bySymbol } from './device.ts'
import { mountTries, neededHelper, networkMount, parseCredentials } from './network-options.ts'
import { parseOptions } from './options.ts'

const G = 1 << 30

describe('local options', () => {
  it('reads sizes as Docker does, and shows them short and exact', () => {
    const sizes: [string, number][] = [
      ['10G', 10 * G],
      ['1.5g', 1.5 * G],
      ['100MiB', 100 << 20],
      ['512mb', 512 << 20],
      ['64 k', 64 << 10],
      ['4097', 4097],
      ['2t', 2048 * G],
    ]
    for (const [text, bytes] of sizes) assert.equal(parseBytes('size', text), bytes, text)
    for (const text of ['', '0', '-1', '1.5', '10X', 'ten', '1e9', '10GG', '9999999p'])
      assert.throws(
        () => parseBytes('size', text),
        { message: /^invalid option: size=.* is no size such as 10G/ },
        text,
      )
    assert.deepEqual([10 * G, 1500 << 20, 4097, 1536].map(shownBytes), ['10G', '1500M', '4097', '1536'])
    for (const [, bytes] of sizes) assert.equal(parseBytes('size', shownBytes(bytes)), bytes)
  })

  it('knows what goes with what', () => {
    assert.deepEqual(parseOptions({ size: '10G', compress: 'zstd:7', uid: '5', preallocate: 'true' }), {
      device: undefined,
      owner: { uid: 5, gid: 5 },
      mode: undefined,
      store: { size: 10 * G, compress: { algorithm: 'zstd', level: 7 }, preallocate: true },
    })
    const tmpfs = parseOptions({ type: 'tmpfs', device: 'tmpfs', size: '1M', uid: '7', mode: '750' })
    assert.deepEqual(tmpfs.device!.options, [`size=${1 << 20}`, 'uid=7', 'gid=7', 'mode=0750'])
    assert.equal(tmpfs.owner ?? tmpfs.mode ?? tmpfs.store, undefined)
    const cifs = parseOptions({
      type: 'cifs',
      device: '//s/d',
      o: 'username=u,password=a,,b,ro',
      gid: '9',
      mode: '0640',
    })
    assert.deepEqual(cifs.device!.options, [
      'username=u',
      'password=a,,b',
      'ro',
      'uid=0',
      'gid=9',
      'file_mode=0640',
      'dir_mode=0640',
    ])
    assert.deepEqual(parseOptions({ type: 'ext4', device: '/dev/x', uid: '3' }).owner, { uid: 3, gid: 3 })
    assert.deepEqual(parseOptions({ type: 'ext4', device: '/dev/x', o: 'rw,,noatime' }).device!.options, [
      'rw',
      'noatime',
    ])
    const wrong: Record<string, string>[] = [
      { type: 'nfs', device: ':/x', o: 'addr=1.2.3.4', mode: '0700' },
      { type: 'ext4', device: '/dev/x', compress: 'zstd' },
      { size: '1G', preallocate: 'maybe' },
      { compress: 'lzo:1' },
      { compress: 'zstd:0' },
      { quota: '1G' },
    ]
    for (const options of wrong)
      assert.throws(
        () => parseOptions(options),
        (error: unknown) => isKind(error, 'invalid'),
        JSON.stringify(options),
      )
  })

  it('finds disks by their labels as udev names them', () => {
    assert.equal(bySymbol('UUID=12-ab'), '/dev/disk/by-uuid/12-ab')
    assert.equal(bySymbol('LABEL="my disk/1"'), String.raw`/dev/disk/by-label/my\x20disk\x2f1`)
    assert.equal(bySymbol('/dev/sda=1'), '/dev/sda=1')
  })
})

const facts = { address: '10.0.0.5', ownAddress: '10.0.0.9', credentials: '' }
const tries = (type: string, device: string, o: string, over: Partial<typeof facts> = {}) =>
  mountTries(networkMount({ type, device, options: o.split(',').filter(Boolean) })!, { ...facts, ...over })

describe('network options', () => {
  it("mounts guide.md's share as mount.nfs would, the newest version first", () => {
    const versions = tries('nfs', ':/path/to/share', 'addr=192.168.1.10,rw', { address: '192.168.1.10' })
    assert.deepEqual(
      versions.map(({ type, source, options }) => `${type} ${source} ${options.join(',')}`),
      [
        'nfs :/path/to/share rw,vers=4.2,addr=192.168.1.10,clientaddr=10.0.0.9',
        'nfs :/path/to/share rw,vers=4.1,addr=192.168.1.10,clientaddr=10.0.0.9',
        'nfs :/path/to/share rw,vers=4.0,addr=192.168.1.10,clientaddr=10.0.0.9',
        'nfs :/path/to/share rw,vers=3,addr=192.168.1.10',
      ],
    )
    assert.deepEqual(tries('nfs', 'nas:/x', 'nfsvers=3,nolock,bg,retry=2')[0]!.options, [
      'nfsvers=3',
      'nolock',
      'addr=10.0.0.5',
    ])
    assert.equal(tries('nfs', 'nas:/x', 'v4.1').length, 1)
    assert.equal(tries('nfs4', '[fd00::1]:/x', '').length, 3)
    assert.equal(networkMount({ type: 'nfs', device: '[fd00::1]:/x', options: ['port=20490'] })!.server, 'fd00::1')
    assert.equal(networkMount({ type: 'nfs', device: '[fd00::1]:/x', options: ['port=20490'] })!.port, 20_490)
    assert.throws(() => networkMount({ type: 'nfs', device: ':/x', options: [] }), /no server is named for :\/x/)
    assert.equal(networkMount({ type: 'tmpfs', device: 'x', options: [] }), undefined)
  })

  it('mounts shares as mount.cifs would, with the credentials of a file', () => {
    const credentials = 'username = ann\r\n# no word\npassword= p,w \ndomain=corp\n'
    assert.deepEqual(parseCredentials(credentials), ['username=ann', 'password= p,,w ', 'domain=corp'])
    const [tried] = tries('cifs', '//nas/data/a/b/', 'credentials=/root/c,vers=3.0', { credentials })
    assert.equal(tried!.source, '//nas/data/a/b')
    assert.deepEqual(tried!.options, [
      'vers=3.0',
      'username=ann',
      'password= p,,w ',
      'domain=corp',
      'ip=10.0.0.5',
      String.raw`unc=\\nas\data`,
      'prefixpath=a/b',
    ])
    assert.equal(networkMount({ type: 'smb3', device: String.raw`\\nas\data`, options: [] })!.server, 'nas')
    assert.throws(() => networkMount({ type: 'cifs', device: 'data', options: [] }), /write it as \/\/SERVER\/SHARE/)
  })

  it('names the helper that is really needed', () => {
    const helper = (type: string, device: string, o: string) => {
      const mount = networkMount({ type, device, options: o.split(',') })!
      return neededHelper(mount, mountTries(mount, facts).at(-1)!)?.words ?? ''
    }
    assert.match(helper('nfs', 'nas:/x', 'vers=3'), /missing helper: locks of NFS 3 need rpc\.statd/)
    assert.equal(helper('nfs', 'nas:/x', 'vers=3,nolock'), '')
    assert.equal(helper('nfs', 'nas:/x', 'vers=4.2'), '')
    assert.match(helper('nfs', 'nas:/x', 'vers=4.2,sec=krb5p'), /sec=krb5p needs rpc\.gssd/)
    assert.match(helper('cifs', '//nas/x', 'sec=krb5'), /missing helper: sec=krb5 needs cifs\.upcall/)
  })
})
