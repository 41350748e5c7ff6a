declare module 's3rver' {
  export default class S3rver {
    constructor(options: {
      directory: string
      address: string
      port: number
      silent: boolean
      vhostBuckets: boolean
      configureBuckets: { name: string; configs: Buffer[] }[]
    })
    run(): Promise<unknown>
  }
}
declare module 's3rver/lib/models/account.js' {
  const accounts: { DUMMY_ACCOUNT: { createKeyPair(id: string, secret: string): void } }
  export default accounts
}
