import { linksSuite } from '#ports/links.suite.ts'
import { FakeLinks, FakeSandboxes } from './fake-links.ts'

linksSuite('fake', async () => {
  const links = new FakeLinks()
  return { links, sandboxes: new FakeSandboxes(links), prefix: 'fk', close: async () => {} }
})
