import { dnsSocketsSuite, hostPortsSuite } from '#ports/resolver.suite.ts'
import { FakeDnsSockets, FakeHostPorts } from './fake-resolver.ts'

dnsSocketsSuite('fake', async () => {
  const dns = new FakeDnsSockets()
  const inside = (query: Buffer, transport: 'udp' | 'tcp') => dns.query('/fake/s', query, transport)
  return { dns, sandbox: '/fake/s', inside, close: async () => {} }
})

hostPortsSuite(
  'fake',
  () => new FakeHostPorts(),
  async () => 8080,
)
