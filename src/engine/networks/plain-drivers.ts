import { forbidden } from '#lib/errors.ts'
import type { NetworkDriver } from './driver.ts'

/** `host` and `null`: one network each, nothing on the host, no addresses. */
export function plainDriver(name: 'host' | 'null'): NetworkDriver {
  return {
    name,
    addressed: false,
    publishes: false,
    validate() {
      throw forbidden(`only one instance of "${name}" network is allowed`)
    },
    interfaceFor: async () => '',
    up: async () => {},
    down() {},
    elements: () => [],
    attach: async () => {},
    detach() {},
  }
}
