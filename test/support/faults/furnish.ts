import { SERVE, type FaultLab } from '../fault-lab.ts'
import { FRONT } from './fault.ts'

/** Everything that the faults are about. */
export async function furnish(lab: FaultLab): Promise<void> {
  lab.host('ip', 'route', 'add', 'default', 'via', lab.client.address)
  await lab.network('front', FRONT)
  await lab.network('back', '10.231.2.0/24')
  await lab.network('apart', '10.231.3.0/24', { icc: false })
  await lab.network('gone', '10.231.4.0/24')
  await lab.daemon.client.networks.create({
    Name: 'six',
    EnableIPv4: false,
    EnableIPv6: true,
    IPAM: { Config: [{ Subnet: 'fd00:231::/64' }] },
  })
  await lab.daemon.client.networks.create({
    Name: 'lan',
    Driver: 'macvlan',
    Options: { parent: 'eth0' },
    IPAM: { Config: [{ Subnet: '10.213.0.0/24', IPRange: '10.213.0.64/26', Gateway: lab.client.address }] },
  })
  await lab.network('inner', '10.231.5.0/24', { internal: true })
  const sleep = ['sleep', '1000']
  const publish = (HostIp: string, HostPort: string) => ({
    ExposedPorts: { '80/tcp': {} },
    HostConfig: { PortBindings: { '80/tcp': [{ HostIp, HostPort }] } },
  })
  const broken = `${lab.flags}:/flags`
  const twin = (number: number) =>
    lab.container(`twin-${number}`, ['front'], SERVE, {
      Labels: { 'com.docker.compose.project': 'p', 'com.docker.compose.service': 'twin' },
      HostConfig: { Binds: [broken], NetworkMode: 'front' },
      ...(number === 1 && {
        Healthcheck: {
          Test: ['CMD-SHELL', 'test ! -f /flags/sick'],
          Interval: 200_000_000,
          Retries: 1,
        },
      }),
      NetworkingConfig: { EndpointsConfig: { front: { Aliases: ['twin'] } } },
    })
  const limited = (name: string, policy: string) =>
    lab.container(name, ['front'], sleep, {
      HostConfig: { NetworkMode: 'front', Annotations: { 'berth.egress': policy } },
    })
  await lab.container('web', ['front'], sleep)
  await Promise.all([
    lab.container('db', ['front', 'back'], SERVE, publish('', '8080')),
    lab.container('lone', ['front']),
    lab.container('named', ['front']),
    lab.container('sidecar', ['container:web'], sleep),
    lab.container('hosted', ['host'], sleep),
    lab.container('plain-1', ['bridge'], sleep),
    lab.container('plain-2', ['bridge']),
    lab.container('six-1', ['six'], sleep),
    lab.container('six-2', ['six']),
    lab.container('lan-1', ['lan'], sleep),
    lab.container('lan-2', ['lan']),
    lab.container('nowhere', ['none'], sleep),
    lab.container('loner', ['back', 'front'], sleep),
    lab.container('apart-1', ['apart'], sleep),
    lab.container('apart-2', ['apart']),
    lab.container('gone-1', ['gone'], sleep),
    lab.container('gone-2', ['gone']),
    lab.container('inner', ['inner'], sleep),
    limited('limited', 'allow=10.0.0.0/24'),
    limited('allowed', `allow=${lab.client.address}:9000`),
    lab.container('asker', ['front'], sleep, { HostConfig: { NetworkMode: 'front', Dns: ['10.213.0.77'] } }),
    lab.container('local', ['front'], SERVE, publish('127.0.0.1', '8091')),
    lab.container('looper', ['front'], ['sh', '-c', 'test -f /flags/broken && exit 1; exec httpd -f -p 80'], {
      HostConfig: { Binds: [broken], RestartPolicy: { Name: 'always', MaximumRetryCount: 0 } },
    }),
    twin(1),
    twin(2),
    lab.daemon.client.containers.create({ Image: 'busybox', Cmd: SERVE, ...publish('', '8090') }, { name: 'taker' }),
  ])
  await lab.daemon.client.networks.connect('back', 'named', { Aliases: ['database'] })
  for (const name of [
    'db',
    'named',
    'lone',
    'apart-2',
    'gone-2',
    'local',
    'looper',
    'twin-1',
    'twin-2',
    'plain-2',
    'six-2',
  ])
    await lab.serves(name)
  await lab.listen('the client', ['busybox', 'httpd', '-f', '-p', '9000'], 9000)
  await lab.listen('the host', ['busybox', 'httpd', '-f', '-p', '9100'], 9100)
  await lab.listen('db', ['nc', '-u', '-l', '-k', '-p', '8086'], 8086, 'u')
}
