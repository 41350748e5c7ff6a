import { mountsSuite } from '#ports/mounts.suite.ts'
import { FakeMounts } from './fake-mounts.ts'

mountsSuite('fake', () => ({ mounts: new FakeMounts(), base: '/base', directory: name => `/base/${name}` }))
