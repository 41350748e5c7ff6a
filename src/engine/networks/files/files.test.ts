import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extraHostLines, hostsText } from './hosts.ts'
import { resolvConf } from './resolv-conf.ts'

const host = { nameservers: ['127.0.0.53', '192.0.2.53'], search: ['lan'], options: ['edns0'] }
const none = { dns: [], dnsSearch: [], dnsOptions: [] }

test('hosts as Docker writes it', () => {
  const text = hostsText({
    owner: {
      id: '0123456789abcdef',
      hostname: '',
      domainname: '',
      extraHosts: ['db:10.0.0.9', 'gw=host-gateway', 'six:[fd00::9]'],
    },
    addresses: ['172.18.0.2', 'fd00::2'],
    links: [],
    hostGateway: '172.17.0.1',
  })
  assert.deepEqual(text.trimEnd().split('\n').slice(6), [
    '10.0.0.9\tdb',
    '172.17.0.1\tgw',
    'fd00::9\tsix',
    '172.18.0.2\t0123456789ab',
    'fd00::2\t0123456789ab',
  ])
  assert.match(text, /^127\.0\.0\.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n/)
})

test('a domain name goes before the host name', () => {
  const owner = { id: 'x', hostname: 'web', domainname: 'example.org', extraHosts: [] }
  assert.match(
    hostsText({ owner, addresses: ['10.0.0.2'], links: [], hostGateway: '' }),
    /10\.0\.0\.2\tweb\.example\.org web\n/,
  )
})

test('bad extra hosts are refused', () => {
  for (const bad of ['db', 'db:', ':10.0.0.1', 'db:nowhere', 'a b:10.0.0.1']) {
    assert.throws(() => extraHostLines([bad], ''), { kind: 'invalid' }, bad)
  }
})

test('user-defined networks get the embedded resolver, the default one the host’s own', () => {
  assert.deepEqual(resolvConf(none, host, 'named'), {
    text: 'nameserver 127.0.0.11\nsearch lan\noptions edns0 ndots:0\n',
    embedded: true,
  })
  assert.deepEqual(resolvConf(none, host, 'bare'), {
    text: 'nameserver 192.0.2.53\nsearch lan\noptions edns0\n',
    embedded: false,
  })
})

test('the host’s loopback resolver is kept for host mode and asked on behalf of the default network', () => {
  const local = { nameservers: ['127.0.0.1'], search: [], options: [] }
  assert.match(resolvConf(none, local, 'host').text, /nameserver 127\.0\.0\.1\n/)
  assert.equal(resolvConf(none, local, 'bare').embedded, true)
})

test('own servers, search domains and options replace the host’s', () => {
  const own = { dns: ['9.9.9.9'], dnsSearch: ['.'], dnsOptions: ['ndots:2'] }
  assert.equal(resolvConf(own, host, 'bare').text, 'nameserver 9.9.9.9\noptions ndots:2\n')
  assert.equal(resolvConf(own, host, 'named').text, 'nameserver 127.0.0.11\noptions ndots:2\n')
})
