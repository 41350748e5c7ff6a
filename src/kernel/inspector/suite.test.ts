import { inspectorSuite } from '#ports/inspector.suite.ts'
import { testNetworking } from '#kernel/testing/networking.ts'

inspectorSuite('kernel', async () => {
  const { networking, prefix, close } = testNetworking({ poolSize: 0 })
  const sandbox = await networking.sandboxes.create(`${prefix}i`)
  return { inspector: networking.inspector, sandbox, close }
})
