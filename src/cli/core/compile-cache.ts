import { homedir } from 'node:os'
import { join } from 'node:path'

/**
 * Where Node keeps what it compiled. Not below /tmp, its own choice: whoever makes that directory first decides what root
 * runs. For the same reason root's is no user's, whatever HOME says under sudo.
 */
export function compileCacheDirectory(env: NodeJS.ProcessEnv, uid: number | undefined): string {
  if (env['NODE_COMPILE_CACHE']) return env['NODE_COMPILE_CACHE']
  if (uid === 0) return '/var/cache/berth'
  return join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'berth')
}
