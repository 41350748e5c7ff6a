import type { DoctorCheck } from '#model/doctor.ts'
import type { Facts } from './facts.ts'

const HOOKS = new Set(['ingress', 'prerouting', 'input', 'forward', 'output', 'postrouting'])

/** Every chain of another program that judges packets, so that one sees whom there is to ask. */
export function firewallChecks({ ruleset, table }: Facts): DoctorCheck[] {
  const checks: DoctorCheck[] = []
  for (const [hook, chains] of ruleset.hooks) {
    if (!HOOKS.has(hook)) continue
    for (const chain of chains) {
      // Tables of this daemon, of another one, and of its containers' networks.
      if (chain.table === table || (chain.rules.length === 0 && chain.policy === 'accept')) continue
      const { family, name, priority, policy, rules, type = 'filter' } = chain
      checks.push({
        check: `firewall at ${hook}`,
        status: 'info',
        detail: `chain ${name} of table ${family} ${chain.table} (${type}, priority ${priority}, policy ${policy}, ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'})`,
        fix: '',
      })
    }
  }
  return checks
}
