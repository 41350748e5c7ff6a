/**
 * A real S3 server (the package s3rver) as a process of its own: `node s3rver.ts DIRECTORY ADDRESS PORT BUCKET…`. Prints a
 * line when it listens. Its one account has the keys of the guide.
 */
import S3rver from 's3rver'
import accounts from 's3rver/lib/models/account.js'

const [directory, address, port, ...buckets] = process.argv.slice(2)
accounts.DUMMY_ACCOUNT.createKeyPair('YOUR_ACCESS_KEY', 'YOUR_SECRET_KEY')
const server = new S3rver({
  directory: directory!,
  address: address!,
  port: Number(port),
  silent: true,
  vhostBuckets: false,
  configureBuckets: buckets.map(name => ({ name, configs: [] })),
})
await server.run()
console.log('listening')
