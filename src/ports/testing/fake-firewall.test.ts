import { firewallSuite } from '#ports/firewall.suite.ts'
import { FakeFirewall } from './fake-firewall.ts'

firewallSuite('fake', async () => ({ firewall: new FakeFirewall(), sandbox: '/fake/s', close: async () => {} }))
