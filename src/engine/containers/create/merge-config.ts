import { invalid } from '#lib/errors.ts'
import type { ContainerConfig, Healthcheck } from '#model/config.ts'

/**
 * The request on top of the image: what `POST /containers/create` stores as `Config`.
 * @throws invalid `no command specified`
 */
export function mergeConfig(request: ContainerConfig, image: Partial<ContainerConfig>): ContainerConfig {
  const merged: ContainerConfig = {
    ...request,
    User: request.User || image.User || '',
    WorkingDir: request.WorkingDir || image.WorkingDir || '',
    Env: mergeEnv(request.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...request.Labels },
    ExposedPorts: { ...image.ExposedPorts, ...request.ExposedPorts },
    Volumes: { ...image.Volumes, ...request.Volumes },
    ...mergeCommand(request, image),
  }
  const stopSignal = request.StopSignal || image.StopSignal
  if (stopSignal) merged.StopSignal = stopSignal
  const healthcheck = mergeHealthcheck(request.Healthcheck, image.Healthcheck)
  if (healthcheck) merged.Healthcheck = healthcheck
  else delete merged.Healthcheck
  const shell = request.Shell ?? image.Shell
  if (shell) merged.Shell = shell
  if ((merged.Entrypoint?.length ?? 0) === 0 && (merged.Cmd?.length ?? 0) === 0) throw invalid('no command specified')
  return merged
}

/** A new entrypoint drops the image's command; `[""]` drops the image's entrypoint. */
function mergeCommand(
  request: ContainerConfig,
  image: Partial<ContainerConfig>,
): Pick<ContainerConfig, 'Entrypoint' | 'Cmd'> {
  let Entrypoint = request.Entrypoint
  let Cmd = request.Cmd
  if ((Entrypoint?.length ?? 0) === 0) {
    if ((Cmd?.length ?? 0) === 0) Cmd = image.Cmd ?? null
    Entrypoint ??= image.Entrypoint ?? null
  }
  if (Entrypoint?.length === 1 && Entrypoint[0] === '') Entrypoint = null
  if (Entrypoint?.length === 0) Entrypoint = null
  return { Entrypoint, Cmd }
}

/** The request's variables first, then the image's that it does not set; a later one of the same key wins. */
export function mergeEnv(request: readonly string[], image: readonly string[]): string[] {
  const key = (entry: string) => entry.split('=', 1)[0] ?? ''
  const own = new Map<string, string>()
  for (const entry of request) own.set(key(entry), entry)
  const inherited = image.filter(entry => !own.has(key(entry)))
  return [...own.values(), ...inherited]
}

function mergeHealthcheck(request?: Healthcheck, image?: Healthcheck): Healthcheck | undefined {
  if (!request) return image
  if (!image) return request
  const merged: Healthcheck = {
    Test: (request.Test?.length ?? 0) > 0 ? request.Test : image.Test,
    Interval: request.Interval || image.Interval,
    Timeout: request.Timeout || image.Timeout,
    Retries: request.Retries || image.Retries,
    StartPeriod: request.StartPeriod || image.StartPeriod,
    StartInterval: request.StartInterval || image.StartInterval,
  }
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined)) as Healthcheck
}
