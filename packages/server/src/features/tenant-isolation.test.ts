import { startModelServer, type ModelServer } from '@appstrate/model-server'
import { createServer, type Server } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listOperations, type Operation } from '../platform/http/api.ts'
import { parseWireId } from '../platform/ids/id.ts'
import { castAttackers, cookieHeaders } from '../testing/isolation/attackers.ts'
import type { Attacker } from '../testing/isolation/attempt.ts'
import { byPrefix } from '../testing/isolation/belongings.ts'
import { fillTenant, scenario, type FilledTenant } from '../testing/isolation/fill-tenant.ts'
import { findFillings } from '../testing/isolation/find-fillings.ts'
import { huntLeaks } from '../testing/isolation/find-leaks.ts'
import { fingerprint, type Owner } from '../testing/isolation/fingerprint.ts'
import { huntLeaksInStreams } from '../testing/isolation/find-leaks-in-streams.ts'
import { leakyFeature, leaksThatMustShow } from '../testing/isolation/leaky-feature.ts'
import { findMissing, idsSeen, lookAtOwn, type Sight } from '../testing/isolation/own-things.ts'
import { openWorld, type World } from '../testing/world.ts'
import { countRows, tablesWith } from './accounts/applications/testing/fill-application.ts'
import { features } from './index.ts'

const operations = listOperations(features)
const isStream = ({ endpoint }: Operation) => endpoint.streams === 'text/event-stream'
const hunted = operations.filter((operation) => !isStream(operation))

/** Operations that accept a foreign id in the body without looking it up, with the reason. */
const takesForeignBody: ReadonlySet<string> = new Set([
  // Returns only the profiles of members; other ids are ignored.
  'getProfiles',
])
/** Pages that are the same for every path. */
const answersAnyPath: ReadonlySet<string> = new Set(['showInvitation'])
/** Lists that are empty even in a tenant with one of each resource, with the reason. */
const emptyLists: ReadonlySet<string> = new Set<string>([])

describe('two tenants', () => {
  let world: World
  let models: ModelServer
  let receiver: Server
  let victim: FilledTenant
  let attackers: Attacker[]
  let owner: Owner
  let sights: Sight[]

  beforeAll(async () => {
    receiver = createServer((request, response) => void request.resume().on('end', () => response.end('ok')))
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    const address = receiver.address()
    const receiverUrl = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
    models = await startModelServer({ scenarios: { 'leave-everything': scenario } })
    world = await openWorld({
      worker: true,
      features: [...features, leakyFeature],
      environment: { ALLOW_PRIVATE_ADDRESSES: 'true' },
    })
    const fillings = await findFillings(features)
    const filling = { world, features, fillings, receiverUrl, modelsUrl: models.url }
    victim = await fillTenant({ ...filling, label: 'LEAK' })
    const stranger = await fillTenant({ ...filling, label: 'OWN' })
    owner = { organizationId: victim.tenant.organizationId, userIds: [victim.tenant.userId, victim.admin.userId] }
    // The owners of tenants do not administer the instance.
    const ofTenants = operations.filter(({ endpoint }) => endpoint.caller !== 'administrator')
    sights = await lookAtOwn(world.url, ofTenants, { headers: cookieHeaders(victim), own: victim.made })
    const lookAs = (endUser: string, own: FilledTenant['made']) =>
      lookAtOwn(
        world.url,
        operations.filter(({ endpoint }) => endpoint.caller === 'application'),
        {
          headers: {
            authorization: `Bearer ${victim.tenant.apiKey}`,
            'x-app-id': victim.tenant.appId,
            'appstrate-user': endUser,
          },
          own,
        },
      )
    const [first, second] = [
      await lookAs(victim.endUsers[0], withOwn(victim, 0)),
      await lookAs(victim.endUsers[1], withOwn(victim, 1)),
    ]
    // Jobs make the last two; end-users make the others.
    const prefixesOfEndUsers = new Set([...victim.madeByEndUsers[0].ids.keys(), 'ntf', 'evt'])
    const personal = (prefix: string) => prefix !== 'eu' && prefixesOfEndUsers.has(prefix)
    const seenBySecond = new Set(idsSeen(second, personal))
    attackers = castAttackers({
      victim,
      stranger,
      idsOfVictim: idsSeen(sights, (prefix) => prefix !== 'req'),
      idsOfFirstEndUser: idsSeen(first, personal).filter((id) => !seenBySecond.has(id)),
    })
  }, 120_000)
  afterAll(async () => {
    await world.close()
    await models.close()
    receiver.closeAllConnections()
    receiver.close()
  })

  it('have a resource for every path of the API', () => {
    expect(
      findMissing(operations, {
        ids: byPrefix([...[...victim.made.ids.values()].flat(), ...idsSeen(sights, () => true)]),
        texts: victim.made.texts,
      }),
    ).toEqual([])
  })

  it('can read their own resources on these paths, so that a 404 proves isolation', () => {
    const failed = sights.filter(({ answer }) => answer.status >= 300)
    expect(
      failed.map(({ operation, answer }) => `${operation.id}: ${answer.status} ${answer.text.slice(0, 200)}`),
    ).toEqual([])
  })

  it('have an entry in every list, so that a list without it proves isolation', () => {
    const empty = sights.filter(
      ({ operation, answer }) =>
        Array.isArray(answer.body.data) && answer.body.data.length === 0 && !emptyLists.has(operation.id),
    )
    expect(empty.map(({ operation }) => operation.id)).toEqual([])
    for (const mark of Object.values(victim.marks))
      expect(sights.filter(({ answer }) => answer.text.includes(mark)).length, mark).toBeGreaterThan(3)
  })

  it('are isolated: every operation with every foreign id, by API key, by cookie and on behalf of an end-user', {
    timeout: 120_000,
  }, async () => {
    const before = await fingerprint(world.platform.db, owner)
    const { leaks, attempts } = await huntLeaks({
      url: world.url,
      operations: hunted,
      attackers,
      tolerance: { takesForeignBody, answersAnyPath },
    })
    expect(leaks.join('\n')).toBe('')
    expect(await fingerprint(world.platform.db, owner)).toEqual(before)
    expect(attempts).toBeGreaterThan(hunted.length * 5)
  })

  it('are isolated in streams while the other tenant executes a run', { timeout: 60_000 }, async () => {
    const leaks = await huntLeaksInStreams({ world, operations: operations.filter(isStream), attackers, victim })
    expect(leaks.join('\n')).toBe('')
  })

  it('are tested effectively: each leak of a leaky feature is detected', { timeout: 60_000 }, async () => {
    const leaky = listOperations([leakyFeature])
    const before = await fingerprint(world.platform.db, owner)
    const { leaks } = await huntLeaks({
      url: world.url,
      operations: leaky.filter((operation) => !isStream(operation)),
      attackers,
      tolerance: { takesForeignBody: new Set() },
    })
    const found = [
      ...leaks,
      ...(await huntLeaksInStreams({ world, operations: leaky.filter(isStream), attackers, victim })),
    ]
    for (const leak of leaksThatMustShow)
      expect(
        found.filter((line) => leak.test(line)),
        String(leak),
      ).not.toEqual([])
    expect(await fingerprint(world.platform.db, owner)).not.toEqual(before)
  })

  it('keep no row of an erased end-user, whichever noun it belongs to', { timeout: 60_000 }, async () => {
    const [endUser] = victim.endUsers
    const tables = (await tablesWith(world, 'end_user_id')).filter((table) => table !== 'erasures')
    const rows = () => countRows(world, tables, { column: 'end_user_id', value: parseWireId('eu', endUser) ?? '' })
    expect(Object.values(await rows()).filter((count) => count > 0).length).toBeGreaterThan(5)
    const answer = await victim.tenant.send(`DELETE /api/end-users/${endUser}`)
    expect([answer.status, answer.text]).toEqual([200, expect.any(String)])
    expect(Object.entries(await rows()).filter(([, count]) => count > 0)).toEqual([])
  })
})

function withOwn({ made, madeByEndUsers }: FilledTenant, index: 0 | 1): FilledTenant['made'] {
  return { ids: new Map([...made.ids, ...madeByEndUsers[index].ids]), texts: made.texts }
}
