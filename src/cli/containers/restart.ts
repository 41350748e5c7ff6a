import { ending } from './ending.ts'

export const command = ending((context, name, how) => context.client.containers.restart(name, how))
