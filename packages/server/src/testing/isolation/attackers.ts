import type { FilledTenant } from './fill-tenant.ts'
import type { Attacker } from './attempt.ts'
import { byPrefix, prefixOf, type Belongings } from './belongings.ts'

/** Id prefixes of resources that belong to one user. */
const ofPersons: ReadonlySet<string> = new Set(['ses'])
/** How many ids per prefix are tried; all of the ids count as secrets. */
const triedPerPrefix = 3

export interface Cast {
  readonly victim: FilledTenant
  readonly stranger: FilledTenant
  /** All ids that the victim's owner can see. */
  readonly idsOfVictim: readonly string[]
  /** The ids that only the victim's first end-user can see. */
  readonly idsOfFirstEndUser: readonly string[]
}

/** The attackers: strangers with three kinds of credentials, and callers within the victim's organization. */
export function castAttackers({ victim, stranger, idsOfVictim, idsOfFirstEndUser }: Cast): Attacker[] {
  const { tenant, marks, prefixesOfOrganization: ofOrganizations } = victim
  const everything = belongings(victim.made, idsOfVictim, () => true)
  const ofApplication = belongings(victim.made, idsOfVictim, (prefix) => !ofOrganizations.has(prefix))
  const ofFirst = { ids: byPrefix([...allOf(victim.madeByEndUsers[0]), ...idsOfFirstEndUser]), texts: new Map() }
  const secretsOfTenant = [...Object.values(marks), ...lower(Object.values(marks)), tenant.slug, ...idsOfVictim]
  const both = { 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId }
  const asStranger = { foreign: limit(everything), own: stranger.made, secrets: secretsOfTenant }
  const toVictim = [{ 'x-app-id': tenant.appId }, { 'x-org-id': tenant.orgId }, both]
  const asEndUser = { 'appstrate-user': victim.endUsers[0] }
  return [
    {
      name: "a stranger's key",
      headers: keyHeaders(stranger),
      foreignHeaders: [...toVictim, asEndUser],
      ...asStranger,
    },
    { name: 'a stranger by cookie', headers: cookieHeaders(stranger), foreignHeaders: toVictim, ...asStranger },
    {
      name: "a stranger's end-user",
      headers: { ...keyHeaders(stranger), 'appstrate-user': stranger.endUsers[0] },
      foreignHeaders: [...toVictim, asEndUser],
      ...asStranger,
    },
    {
      name: 'a key of the sibling application',
      headers: { authorization: victim.sibling.authorization, 'x-app-id': victim.sibling.appId },
      foreign: limit(ofApplication),
      own: {
        ids: new Map([...victim.made.ids].filter(([prefix]) => ofOrganizations.has(prefix))),
        texts: new Map([
          ['version', victim.made.texts.get('version') ?? []],
          ['*', victim.made.texts.get('*') ?? []],
        ]),
      },
      foreignHeaders: [{ 'x-app-id': tenant.appId }, asEndUser],
      secrets: [marks.application, marks.endUser, ...allOf(ofApplication)],
    },
    {
      name: 'the second end-user',
      headers: { ...keyHeaders(victim), 'appstrate-user': victim.endUsers[1] },
      foreign: limit(ofFirst),
      own: { ids: new Map([...victim.made.ids, ...victim.madeByEndUsers[1].ids]), texts: victim.made.texts },
      foreignHeaders: [],
      secrets: [marks.endUser, marks.endUser.toLowerCase(), ...allOf(ofFirst)],
    },
    {
      name: 'another member, for personal data',
      headers: { cookie: victim.admin.cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId },
      foreign: { ids: limit(belongings(victim.made, [], (prefix) => ofPersons.has(prefix))).ids, texts: new Map() },
      own: victim.made,
      foreignHeaders: [],
      secrets: [...ofPersons].flatMap((prefix) => victim.made.ids.get(prefix) ?? []),
    },
  ]
}

function keyHeaders({ tenant }: FilledTenant) {
  return { authorization: `Bearer ${tenant.apiKey}`, 'x-app-id': tenant.appId }
}

/** The owner's cookie, with their own organization and application. */
export function cookieHeaders({ tenant, owner }: FilledTenant) {
  return { cookie: owner.cookie, 'x-org-id': tenant.orgId, 'x-app-id': tenant.appId }
}

/** The created resources first, then other ids that were seen. */
function belongings(made: Belongings, seen: readonly string[], wanted: (prefix: string) => boolean): Belongings {
  const all = byPrefix([...allOf(made), ...seen].filter((id) => wanted(prefixOf(id))))
  // A version such as 1.0.0 identifies nothing by itself. The token of an invitation is a credential, so an attacker
  // tries the invitation's id in its place.
  return {
    ids: all,
    texts: new Map([
      ['agentId', made.texts.get('agentId') ?? []],
      ['token', made.ids.get('inv') ?? []],
    ]),
  }
}

function allOf({ ids }: Belongings): string[] {
  return [...ids.values()].flat()
}

function limit({ ids, texts }: Belongings): Belongings {
  return { ids: new Map([...ids].map(([prefix, all]) => [prefix, all.slice(0, triedPerPrefix)])), texts }
}

function lower(texts: readonly string[]): string[] {
  return texts.map((text) => text.toLowerCase())
}
