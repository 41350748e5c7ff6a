import { snapshotsSuite } from '#ports/snapshots.suite.ts'
import { FakeSnapshots } from './fake-snapshots.ts'

snapshotsSuite('fake', () => ({ snapshots: new FakeSnapshots(), done: async () => {} }))
