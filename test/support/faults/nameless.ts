import { DB, type Fault } from './fault.ts'

/** Where names are not served, or nothing is. */
export const NAMELESS: Fault[] = [
  {
    name: 'the default network serves no names',
    ask: ['plain-1', 'plain-2:80'],
    code: 'dns-not-embedded',
    async break(lab) {
      return async () => {
        await lab.daemon.client.networks.connect('front', 'plain-1')
        await lab.daemon.client.networks.connect('front', 'plain-2')
      }
    },
  },
  {
    name: 'nobody has the name',
    ask: ['web', 'databse:80'],
    healthy: DB,
    code: 'target-not-found',
    async break() {
      return () => {}
    },
  },
  {
    name: 'upstream DNS dead',
    ask: ['asker', 'api.example.test:80'],
    healthy: ['asker', 'db:80'],
    code: 'dns-server-dead',
    async break() {
      return () => {}
    },
  },
  {
    name: 'a name for one that shares the network of another',
    ask: ['db', 'sidecar'],
    healthy: ['db', 'web'],
    code: 'name-unknown',
    async break() {
      return () => {}
    },
  },
  {
    name: 'network none',
    ask: ['nowhere', 'db:80'],
    healthy: DB,
    code: 'no-network',
    async break() {
      return () => {}
    },
  },
  {
    name: 'nothing bound to the UDP port',
    ask: ['web', 'db:8099/udp'],
    code: 'not-listening',
    async break(lab) {
      return () => lab.listen('db', ['nc', '-u', '-l', '-k', '-p', '8099'], 8099, 'u')
    },
  },
]
