import { inspectorSuite } from '#ports/inspector.suite.ts'
import { FakeInspector } from './fake-inspector.ts'

inspectorSuite('fake', async () => {
  const inspector = new FakeInspector()
  const sandbox = '/fake/s'
  const { routes, sizes } = inspector.at(sandbox)
  routes.set('127.', { kind: 'local', device: 'lo', gateway: '', source: '127.0.0.1' })
  sizes.set('127.0.0.1', 65_536)
  return { inspector, sandbox, close: async () => {} }
})
