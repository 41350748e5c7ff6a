import { storeSuite } from '#ports/store.suite.ts'
import { FakeStore } from './fake-store.ts'

storeSuite('fake', () => new FakeStore())
