import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import { dockerClient, TestDaemon, type Output } from '../support/daemon.ts'
import { Machines } from '../support/machines.ts'
import { commandOf, ok, TOOLS, until } from '../support/tools.ts'
import { awsImage, postgresImage } from './storage-images.ts'

// The guide's volume and storage parts, word for word, as a user would paste them: with a real PostgreSQL behind
// `postgres:13`, the real AWS command line behind `amazon/aws-cli`, and a real S3 server.

const BUCKET_PORT = 4568
const BRIDGE = '172.29.77.1'

const machines = new Machines()
const daemon = new TestDaemon(['--bip', `${BRIDGE}/24`], { netns: machines.path() })
const destination = new TestDaemon([], { netns: machines.path('destination') })
let s3: ChildProcess | undefined

before(async () => {
  machines.add('destination')
  await Promise.all([daemon.start(), destination.start()])
  await daemon.loadBusybox()
  for (const name of ['nginx', 'alpine']) await ok(daemon, 'docker', ['tag', 'busybox', name])
  await postgresImage(daemon)
  await awsImage(daemon, `http://${BRIDGE}:${BUCKET_PORT}`)
  s3 = await serveBuckets()
})

after(async () => {
  await daemon.dispose()
  await destination.dispose()
  if (s3) {
    const ended = once(s3, 'exit')
    s3.kill('SIGKILL')
    await ended
  }
  machines.remove()
})

/** A real S3 server on the bridge, with the guide's bucket; the guide's keys are its account. */
async function serveBuckets(): Promise<ChildProcess> {
  const program = new URL('../support/s3rver.ts', import.meta.url).pathname
  const where = join(daemon.directory, 's3')
  mkdirSync(where)
  const command = [`--net=${machines.path()}`, process.execPath, program, where, '0.0.0.0', String(BUCKET_PORT)]
  const child = spawn('nsenter', [...command, 'my-bucket'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  return child
}

for (const tool of TOOLS) {
  describe(`with ${tool}`, { skip: tool === 'docker' && !dockerClient && 'the docker client is not installed' }, () => {
    const programs = join(daemon.directory, `bin-${tool}`)
    const directory = join(daemon.directory, `home-${tool}`)

    before(() => {
      mkdirSync(programs)
      mkdirSync(directory)
      const quoted = commandOf(tool).map(word => `'${word}'`)
      const real =
        tool === 'docker' ? spawnSync('which', ['docker'], { encoding: 'utf8' }).stdout.trim() : quoted.join(' ')
      writeFileSync(join(programs, 'docker'), `#!/bin/sh\nexec ${real} "$@"\n`)
      chmodSync(join(programs, 'docker'), 0o755)
    })

    afterEach(async () => {
      for (const { client } of [daemon, destination]) {
        const all = await client.containers.list({ all: true })
        await Promise.all(all.map(one => client.containers.remove(one.Id, { force: true, volumes: true })))
        await client.volumes.prune({ all: ['true'] })
      }
    })

    /** Runs lines of the guide as they stand, in a shell of a user. */
    function sh(lines: string, options: { input?: string; on?: TestDaemon } = {}): Output {
      const { socket } = options.on ?? daemon
      const env = {
        ...process.env,
        PATH: `${programs}:${process.env.PATH}`,
        DOCKER_HOST: `unix://${socket}`,
        BERTH_HOST: `unix://${socket}`,
      }
      const { status, stdout, stderr } = spawnSync('sh', ['-e', '-c', lines], {
        cwd: directory,
        env,
        encoding: 'utf8',
        input: options.input ?? '',
        timeout: 60_000,
      })
      return { code: status ?? -1, stdout, stderr }
    }

    function pasted(lines: string, options: { input?: string; on?: TestDaemon } = {}): string {
      const { code, stdout, stderr } = sh(lines, options)
      assert.equal(code, 0, `${lines}\n${stdout}${stderr}`)
      return stdout.trim()
    }

    /** What a database says; asked again until it is up. */
    const sql = (container: string, statement: string) =>
      until(`${container} answers`, () => {
        const { code, stdout } = sh(`docker exec ${container} psql -At -c "${statement}"`)
        return code === 0 ? stdout.trim() : undefined
      })

    test('named volumes, bind mounts, tmpfs', () => {
      pasted(`
        # Create a named volume
        docker volume create my_data

        # Run a container with the volume mounted
        docker run -d --name my_app --volume my_data:/app/data nginx`)
      pasted('docker run -d --name again -v my_data:/app/data nginx sleep 1000')
      pasted('docker exec again sh -c "echo kept > /app/data/file"; docker rm -f again my_app')
      assert.equal(pasted('docker run --rm --volume my_data:/app/data nginx cat /app/data/file'), 'kept')
      pasted(`
        # Run a container with a bind mount
        docker run -d --name web_server -v $(pwd)/html:/usr/share/nginx/html nginx`)
      assert.ok(existsSync(join(directory, 'html')), 'the missing source of a bind mount is made')
      writeFileSync(join(directory, 'html/index.html'), 'changed')
      assert.equal(
        pasted('docker run --rm -v $(pwd)/html:/usr/share/nginx/html nginx cat /usr/share/nginx/html/index.html'),
        'changed',
      )
      pasted(`
        # Create a container with a temporary in-memory filesystem
        docker run -d --name temp_processor --tmpfs /app/temp:rw,noexec,nosuid,size=100m alpine sh -c "while true; do sleep 1000; done"`)
      assert.match(pasted('docker exec temp_processor df -m /app/temp'), /tmpfs\s+100\s/)
      pasted(
        'docker run -d --name regular_processor alpine sh -c "mkdir -p /app/temp && while true; do sleep 1000; done"',
      )
    })

    test('an NFS volume: created at once, and what is wrong is said when it is used', () => {
      pasted(`
        # Create a volume using the NFS driver
        docker volume create --driver local \\
          --opt type=nfs \\
          --opt o=addr=192.168.1.10,rw \\
          --opt device=:/path/to/share \\
          nfs_storage`)
      const { code, stderr } = sh(`
        # Use the volume with a container
        docker run -d --name nfs_user --volume nfs_storage:/data alpine`)
      assert.equal(code, 125)
      assert.match(stderr, /error while mounting volume '.*nfs_storage\/_data': failed to mount local volume: /)
      assert.match(stderr, /:\/path\/to\/share/)
    })

    test('volume ls, inspect, rm, prune', () => {
      pasted('docker volume create --label kind=demo my_data')
      assert.match(pasted('docker volume ls'), /^DRIVER\s+VOLUME NAME\nlocal\s+my_data$/)
      assert.match(pasted('docker volume ls --filter driver=local'), /local\s+my_data/)
      assert.equal(pasted('docker volume ls --filter driver=other').split('\n').length, 1)
      const [volume] = JSON.parse(pasted('docker volume inspect my_data')) as [Record<string, unknown>]
      for (const [key, value] of Object.entries({
        Driver: 'local',
        Labels: { kind: 'demo' },
        Name: 'my_data',
        Scope: 'local',
      }))
        assert.deepEqual(volume[key], value, key)
      assert.ok(existsSync(String(volume['Mountpoint'])))
      assert.ok(!Number.isNaN(Date.parse(String(volume['CreatedAt']))))
      assert.equal(pasted('docker volume rm my_data'), 'my_data')
      pasted('docker volume create loose; docker create -v /anonymous --name one alpine; docker rm one')
      const pruned = pasted('docker volume prune', { input: 'y\n' })
      assert.match(pruned, /Total reclaimed space: /)
      assert.equal(pasted('docker volume ls -q'), 'loose', 'a named volume stays without --all')
    })

    test('PostgreSQL: data survives its container; backup, restore, and a test of the restored volume', async () => {
      pasted(`
        # Create a PostgreSQL container with a volume for data
        docker volume create pg_data

        docker run -d \\
          --name my_postgres \\
          -e POSTGRES_PASSWORD=mysecretpassword \\
          -v pg_data:/var/lib/postgresql/data \\
          postgres:13`)
      await sql('my_postgres', 'select 1')
      await sql('my_postgres', 'create table kept as select generate_series(1, 10000) as n')
      pasted(`
        # Stop and remove the container
        docker stop my_postgres
        docker rm my_postgres

        # Create a new container using the same volume
        docker run -d \\
          --name new_postgres \\
          -e POSTGRES_PASSWORD=mysecretpassword \\
          -v pg_data:/var/lib/postgresql/data \\
          postgres:13`)
      assert.equal(await sql('new_postgres', 'select count(*), sum(n) from kept'), '10000|50005000')
      pasted('docker stop new_postgres')
      pasted(`
        # Create a temporary container to backup the volume
        docker run --rm \\
          -v pg_data:/source:ro \\
          -v $(pwd):/backup \\
          alpine tar -czf /backup/pg_data_backup.tar.gz -C /source .`)
      pasted(`
        # Create a new volume if needed
        docker volume create pg_data_restored

        # Restore the backup to the new volume
        docker run --rm \\
          -v pg_data_restored:/destination \\
          -v $(pwd):/backup \\
          alpine sh -c "tar -xzf /backup/pg_data_backup.tar.gz -C /destination"

        # Start a container with the restored volume
        docker run -d \\
          --name restored_postgres \\
          -e POSTGRES_PASSWORD=mysecretpassword \\
          -v pg_data_restored:/var/lib/postgresql/data \\
          postgres:13`)
      assert.equal(await sql('restored_postgres', 'select count(*), sum(n) from kept'), '10000|50005000')
      pasted('docker rm -f restored_postgres new_postgres')
      pasted(`
        # For PostgreSQL, enable compression
        docker run -d \\
          --name postgres_compressed \\
          -e POSTGRES_PASSWORD=mysecretpassword \\
          -e PGSQL_COMPRESSION=TRUE \\
          -v pg_data:/var/lib/postgresql/data \\
          postgres:13`)
      assert.equal(await sql('postgres_compressed', 'select count(*) from kept'), '10000')
    })

    test('migration between hosts', () => {
      const moved = '/tmp/pg_data_backup.tar.gz'
      pasted('docker volume create pg_data')
      pasted('docker run --rm -v pg_data:/source alpine sh -c "echo precious > /source/row; chown 70:70 /source/row"')
      try {
        pasted(`
          # On source host: Create a backup
          docker run --rm \\
            -v pg_data:/source:ro \\
            -v $(pwd):/backup \\
            alpine tar -czf /backup/pg_data_backup.tar.gz -C /source .`)
        // Both hosts are this machine, so the transfer is a copy; test/scenarios/volume-migrate.test.ts has a real ssh.
        pasted(`cp pg_data_backup.tar.gz ${moved}`)
        pasted('docker save alpine > alpine.tar')
        pasted('docker load < alpine.tar', { on: destination })
        pasted(
          `
          # On destination host: Restore the backup
          docker volume create pg_data
          docker run --rm \\
            -v pg_data:/destination \\
            -v /tmp:/backup \\
            alpine sh -c "tar -xzf /backup/pg_data_backup.tar.gz -C /destination"`,
          { on: destination },
        )
      } finally {
        rmSync(moved, { force: true })
      }
      const there = 'docker run --rm -v pg_data:/d alpine sh -c "cat /d/row; stat -c %u:%g /d/row"'
      assert.equal(pasted(there, { on: destination }), 'precious\n70:70')
    })

    test('migration to cloud storage', () => {
      pasted('docker volume create pg_data')
      pasted(
        'docker run --rm -v pg_data:/source alpine sh -c "mkdir /source/base; echo 1 > /source/base/16384; head -c 10000000 /dev/urandom > /source/big"',
      )
      const out = pasted(`
        # Backup to AWS S3
        docker run --rm \\
          -v pg_data:/source:ro \\
          -e AWS_ACCESS_KEY_ID=YOUR_ACCESS_KEY \\
          -e AWS_SECRET_ACCESS_KEY=YOUR_SECRET_KEY \\
          amazon/aws-cli \\
          s3 sync /source s3://my-bucket/pg_data_backup`)
      assert.match(out, /upload: .*base\/16384 to s3:\/\/my-bucket\/pg_data_backup\/base\/16384/)
      pasted(`
        # Restore from AWS S3
        docker run --rm \\
          -v pg_data_new:/destination \\
          -e AWS_ACCESS_KEY_ID=YOUR_ACCESS_KEY \\
          -e AWS_SECRET_ACCESS_KEY=YOUR_SECRET_KEY \\
          amazon/aws-cli \\
          s3 sync s3://my-bucket/pg_data_backup /destination`)
      const sums = (volume: string) =>
        pasted(`docker run --rm -v ${volume}:/v alpine sh -c "cd /v; find . -type f | sort | xargs sha256sum"`)
      assert.equal(sums('pg_data_new'), sums('pg_data'))
    })

    test('clean-up and usage', () => {
      pasted('docker run --name done alpine true; docker volume create my_data; docker network create loose')
      pasted('docker run -d --name user -v my_data:/data alpine sleep 1000')
      pasted('docker exec user sh -c "head -c 5000000 /dev/urandom > /data/file"')
      const usage = pasted('docker system df')
      assert.match(usage, /^TYPE\s+TOTAL\s+ACTIVE\s+SIZE\s+RECLAIMABLE\n/)
      for (const row of [
        /^Images\s+\d/m,
        /^Containers\s+2\s+1\s/m,
        /^Local Volumes\s+1\s+1\s+5(\.\d+)?MB\s+0B/m,
        /^Build Cache\s+0\s/m,
      ])
        assert.match(usage, row)
      assert.match(pasted('docker system df -v'), /^my_data\s+1\s+5(\.\d+)?MB/m)
      assert.match(pasted('docker container prune', { input: 'y\n' }), /Deleted Containers:\n[0-9a-f]{64}\n/)
      pasted('docker volume prune', { input: 'y\n' })
      // What the other command line's tests need, in use; and an image that nobody uses.
      for (const image of ['postgres:13', 'amazon/aws-cli', 'nginx'])
        pasted(`docker run -d --network none --label keep --entrypoint sleep ${image} 1000`)
      pasted('docker commit user spare; docker image inspect spare > spare.json')
      const all = pasted('docker system prune -a --volumes', { input: 'y\n' })
      assert.match(all, /Deleted Networks:\nloose\n/)
      assert.match(all, /Deleted Images:\n(.*\n)*untagged: spare:latest\n/)
      assert.match(all, /Total reclaimed space: /)
      assert.equal(pasted('docker ps -a --filter label!=keep --format {{.Names}} | grep user'), 'user')
      assert.equal(pasted('docker volume ls -q --filter name=my_data'), 'my_data')
      assert.equal(sh('docker image inspect spare').code, 1)
    })
  })
}

test('nothing is left in the data root but what is empty', async () => {
  await ok(daemon, 'berth', ['system', 'prune', '--all', '--volumes', '--force'])
  assert.deepEqual(
    readdirSync(join(daemon.dataRoot, 'volumes')).filter(name => !name.startsWith('.')),
    [],
  )
})
