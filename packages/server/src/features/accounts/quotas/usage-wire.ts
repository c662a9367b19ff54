import { Type, type Static } from 'typebox'
import { Nullable, OneOf, wire } from '../../../platform/http/wire.ts'
import { forEachQuota, type QuotaName } from './quota.ts'
import type { QuotaUse } from './usage.ts'

const meanings: Readonly<Record<QuotaName, string>> = {
  runsPerMinute:
    'Runs started in the current minute, over all keys, users and schedules. A start beyond it is 429; ' +
    'a schedule waits for the next minute.',
  concurrentRuns: 'Runs that are executed now. The others wait.',
  unfinishedRuns: 'Runs that are pending or running. A start beyond it is 429.',
  storedBytes: 'Bytes of the stored files.',
  files: 'Stored files, uploaded or made by runs.',
  streams: 'Open event streams, on the server that answers.',
  schedules: 'Schedules.',
  apiKeys: 'API keys that are not revoked.',
  endUsers: 'End-users.',
  agents: 'Agents.',
  applications: 'Applications.',
  webhooks: 'Webhooks.',
  members: 'Members and pending invitations, also expired ones that were not cancelled.',
}

const useOf = (name: QuotaName) =>
  Type.Object(
    {
      limit: Nullable(Type.Integer({ minimum: 0, description: 'null: unlimited.' })),
      used: Type.Integer({ minimum: 0 }),
      source: OneOf(['default', 'override'], {
        description: "`default`: the operator's limit for every organization; `override`: a limit for this one.",
      }),
    },
    { description: meanings[name] },
  )

export const OrgUsageWire = wire('OrgUsage', forEachQuota(useOf))

export function toOrgUsageWire(usage: Readonly<Record<QuotaName, QuotaUse>>): Static<typeof OrgUsageWire> {
  return forEachQuota((name) => {
    const { limit, used, source } = usage[name]
    return { limit, used, source }
  })
}
