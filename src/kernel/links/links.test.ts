import { linksSuite } from '#ports/links.suite.ts'
import { testNetworking } from '#kernel/testing/networking.ts'

linksSuite('kernel', async () => {
  const { networking, prefix, close } = testNetworking()
  return { links: networking.links, sandboxes: networking.sandboxes, prefix, close }
})
