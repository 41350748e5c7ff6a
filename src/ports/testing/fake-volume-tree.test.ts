import { volumeTreeSuite } from '../volume-tree.suite.ts'
import { FakeVolumeTree } from './fake-volume-tree.ts'

volumeTreeSuite('fake', async () => ({ tree: new FakeVolumeTree(), dispose() {} }))
