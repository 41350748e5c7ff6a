import { csiSuite } from '#ports/csi.suite.ts'
import { CsiModel } from './csi-model.ts'
import { FakeCsi } from './fake-csi.ts'

csiSuite('fake', async () => {
  const csi = new FakeCsi()
  csi.drivers.set('shelf.test', new CsiModel())
  return { csi, async close() {} }
})
