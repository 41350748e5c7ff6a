import type { DoctorCheck } from '#model/doctor.ts'
import { outsideDevice, type Facts } from './facts.ts'

/** Share of the connection table that is too near its end. */
const ALMOST_FULL = 0.9

/** Settings of the host that everything depends on. */
export function hostChecks(facts: Facts): DoctorCheck[] {
  return [...forwarding(facts), ownTable(facts), ...conntrack(facts), ...reversePath(facts), ...legacy(facts)]
}

const ok = (check: string, detail: string): DoctorCheck => ({ check, status: 'ok', detail, fix: '' })

function forwarding({ sysctl, networks }: Facts): DoctorCheck[] {
  const families = new Set(networks.flatMap(network => network.subnets.map(subnet => subnet.family)))
  return ([4, 6] as const)
    .filter(family => families.has(family))
    .map(family => {
      const check = `forwarding of IPv${family}`
      const key = family === 4 ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding'
      if (sysctl(key) !== '0') return ok(check, `${key} is 1`)
      const detail = `${key} is 0: published ports lead nowhere and containers reach nothing outside their network`
      return { check, status: 'fail', detail, fix: `sysctl -w ${key}=1` }
    })
}

function ownTable({ ruleset, table }: Facts): DoctorCheck {
  const check = 'own table'
  const own = [...ruleset.chains.values()].filter(chain => chain.family === 'inet' && chain.table === table)
  const empty = own.filter(chain => chain.hook !== undefined && chain.rules.length === 0).map(chain => chain.name)
  const missing = ['prerouting', 'output', 'postrouting', 'forward'].filter(
    hook => !own.some(chain => chain.hook === hook && chain.rules.length > 0),
  )
  if (missing.length === 0) return ok(check, `table inet ${table} is in place`)
  const detail =
    own.length === 0
      ? `table inet ${table} is gone (another program flushed the rules): no published port works until it is put back, which the daemon does within seconds`
      : `table inet ${table} was changed by another program: ${[...new Set([...empty, ...missing])].join(', ')} hold no rules`
  // An absent table is put back by itself; one that lost rules only may not be noticed.
  return { check, status: 'fail', detail, fix: `nft delete table inet ${table}`.repeat(own.length > 0 ? 1 : 0) }
}

function conntrack({ conntrack: table }: Facts): DoctorCheck[] {
  if (!table || table.max === 0) return []
  const check = 'connection tracking'
  const detail = `${table.count} of ${table.max} entries are in use`
  const share = table.count / table.max
  if (share < ALMOST_FULL) return [ok(check, detail)]
  const fix = `sysctl -w net.netfilter.nf_conntrack_max=${table.max * 4}`
  if (share < 1) return [{ check, status: 'warn', detail: `${detail}: new connections will soon be dropped`, fix }]
  return [{ check, status: 'fail', detail: `${detail}: new connections are dropped`, fix }]
}

/** Strict checks of the source drop what comes in by another way than the answer would take. */
function reversePath(facts: Facts): DoctorCheck[] {
  const { sysctl, routes } = facts
  const outside = outsideDevice(facts, 4)
  if (outside === undefined) return []
  const mode = (device: string) => Number(sysctl(`net.ipv4.conf.${device}.rp_filter`) ?? 0)
  const check = 'reverse path filter'
  const effective = Math.max(mode('all'), mode(outside))
  const name = ['off', 'strict', 'loose'][effective] ?? String(effective)
  const ways = new Set(routes[4].filter(route => route.destination === 'default').map(route => route.device))
  if (effective !== 1 || ways.size < 2) return [ok(check, `${name} on ${outside}`)]
  const others = [...ways].filter(device => device !== outside).join(', ')
  const detail = `strict on ${outside}, and there are default routes through ${others} too: packets that come in by one and would be answered by the other are dropped`
  return [{ check, status: 'warn', detail, fix: 'sysctl -w net.ipv4.conf.all.rp_filter=2' }]
}

function legacy({ legacy: tables }: Facts): DoctorCheck[] {
  if (tables.length === 0) return []
  const list = tables.join(', ')
  const detail = `tables ${list} of legacy iptables are in use: their rules also judge every packet, and only iptables-legacy-save shows them`
  return [{ check: 'legacy iptables', status: 'warn', detail, fix: 'iptables-legacy-save' }]
}
