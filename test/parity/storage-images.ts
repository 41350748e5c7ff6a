import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, realpathSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { finish } from '#client/index.ts'
import type { TestDaemon } from '../support/daemon.ts'
import { ok } from '../support/tools.ts'

interface Copy {
  hostPath: string
  imagePath: string
}

/** The newest PostgreSQL of this machine: `/usr/lib/postgresql/15`. */
function postgresHome(): { lib: string; share: string } {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const version = versions.filter(name => existsSync(`/usr/lib/postgresql/${name}/bin/initdb`)).sort()
  const newest = version.at(-1)
  if (newest === undefined) throw new Error('no PostgreSQL server is installed: apt-get install postgresql-15')
  return { lib: `/usr/lib/postgresql/${newest}`, share: `/usr/share/postgresql/${newest}` }
}

/** What the real image's entry point does: makes a cluster in an empty PGDATA, then becomes the server. */
const POSTGRES_ENTRYPOINT = (bin: string) => `#!/bin/sh
set -e
export PATH=${bin}:$PATH PGDATA=/var/lib/postgresql/data
mkdir -p $PGDATA
chown postgres:postgres $PGDATA
chmod 700 $PGDATA
as_postgres() { su -s /bin/sh postgres -c "$1"; }
if [ ! -s $PGDATA/PG_VERSION ]; then
  [ -n "$POSTGRES_PASSWORD" ] || { echo 'POSTGRES_PASSWORD is not set' >&2; exit 1; }
  printf %s "$POSTGRES_PASSWORD" > /tmp/password
  chown postgres /tmp/password
  as_postgres 'initdb -N -U postgres --no-locale --encoding UTF8 --auth-host scram-sha-256 --auth-local trust --pwfile /tmp/password'
  rm /tmp/password
fi
exec su -s /bin/sh postgres -c 'exec postgres -c listen_addresses=* -c unix_socket_directories=/tmp'
`

/** A real PostgreSQL server, as \`postgres:13\`, whatever its version is. */
export async function postgresImage(daemon: TestDaemon): Promise<void> {
  const { lib, share } = postgresHome()
  const entrypoint = script(daemon, 'docker-entrypoint.sh', POSTGRES_ENTRYPOINT(`${lib}/bin`))
  const programs = ['initdb', 'postgres', 'psql', 'pg_isready'].map(name => `${lib}/bin/${name}`)
  const modules = readdirSync(`${lib}/lib`).filter(name =>
    /^(plpgsql|dict_snowball|utf8_and_|libpqwalreceiver)/.test(name),
  )
  const passwd = script(
    daemon,
    'passwd',
    'root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70::/var/lib/postgresql:/bin/sh\n',
  )
  const group = script(daemon, 'group', 'root:x:0:\npostgres:x:70:\n')
  await bootstrap(daemon, 'storage-postgres', [
    ...programs.map(same),
    ...modules.map(name => same(`${lib}/lib/${name}`)),
    same(share),
    ...libraries(programs),
    ...(existsSync('/usr/share/zoneinfo/Etc/UTC') ? [same('/usr/share/zoneinfo/Etc')] : []),
    { hostPath: entrypoint, imagePath: '/docker-entrypoint.sh' },
    { hostPath: passwd, imagePath: '/etc/passwd' },
    { hostPath: group, imagePath: '/etc/group' },
  ])
  await commit(daemon, 'storage-postgres', 'postgres:13', [
    'ENTRYPOINT ["/docker-entrypoint.sh"]',
    'STOPSIGNAL SIGINT',
    'VOLUME /var/lib/postgresql/data',
    `ENV PATH=${lib}/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    'ENV PGHOST=/tmp PGUSER=postgres',
  ])
}

/** What the AWS command line loads; all of Python's packages would be half a gigabyte on some machines. */
const AWS_PACKAGES =
  /^(awscli|awscrt|_awscrt.*|_cffi_backend.*|_ruamel_yaml.*|colorama|cryptography|dateutil|distro|docutils|jmespath|prompt_toolkit|roman\.py|ruamel|six\.py|urllib3|wcwidth)$/

/** The real AWS command line, as \`amazon/aws-cli\`, told where the S3 server of the test is. */
export async function awsImage(daemon: TestDaemon, endpoint: string): Promise<void> {
  const python = realpathSync('/usr/bin/python3')
  const version = /python3\.\d+$/.exec(python)![0]
  const all = '/usr/lib/python3/dist-packages'
  const packages = readdirSync(all)
    .filter(name => AWS_PACKAGES.test(name))
    .map(name => join(all, name))
  const entrypoint = script(
    daemon,
    'aws.sh',
    `#!/bin/sh\nexport AWS_EC2_METADATA_DISABLED=true AWS_DEFAULT_REGION=us-east-1 HOME=/root\nexec ${python} /usr/bin/aws --endpoint-url ${endpoint} "$@"\n`,
  )
  const shared = sharedObjects([`/usr/lib/${version}/lib-dynload`, ...packages])
  const providers = dirname(libraries([python]).find(({ imagePath }) => imagePath.includes('libz.so'))!.hostPath)
  await bootstrap(daemon, 'storage-aws', [
    same(python),
    same('/usr/bin/aws'),
    same(`/usr/lib/${version}`),
    ...packages.map(same),
    ...libraries([python, ...shared]),
    // What its TLS loads by name.
    same(`${providers}/ossl-modules`),
    { hostPath: entrypoint, imagePath: '/aws.sh' },
  ])
  await commit(daemon, 'storage-aws', 'amazon/aws-cli', ['ENTRYPOINT ["/aws.sh"]'])
}

function script(daemon: TestDaemon, name: string, text: string): string {
  const path = join(daemon.directory, name)
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

const same = (path: string): Copy => ({ hostPath: path, imagePath: path })

/** Shared libraries that programs load, and the loader. */
function libraries(programs: string[]): Copy[] {
  const found = spawnSync('ldd', programs, { encoding: 'utf8', maxBuffer: 1 << 26 }).stdout.match(/\/\S+\.so\S*/g) ?? []
  const paths = [...new Set(found)].filter(path => !path.endsWith(':') && existsSync(path) && !programs.includes(path))
  return paths.map(path => ({ hostPath: realpathSync(path), imagePath: path }))
}

function sharedObjects(paths: string[]): string[] {
  return paths
    .flatMap(path =>
      statSync(path).isDirectory()
        ? readdirSync(path, { recursive: true, encoding: 'utf8' }).map(name => join(path, name))
        : [path],
    )
    .filter(path => /\.so(\.\d+)*$/.test(path) && statSync(path).isFile())
}

async function bootstrap(daemon: TestDaemon, tag: string, copy: Copy[]): Promise<void> {
  await finish(await daemon.client.images.bootstrap({ image: 'busybox', tag, copy }), () => {})
}

async function commit(daemon: TestDaemon, from: string, to: string, changes: string[]): Promise<void> {
  const { Id } = await daemon.client.containers.create({ Image: from })
  await ok(daemon, 'berth', ['commit', ...changes.flatMap(change => ['--change', change]), Id, to])
  await daemon.client.containers.remove(Id)
}
