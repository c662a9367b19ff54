import { Type } from 'typebox'
import { readWriteDelete, rights } from '../../platform/access/permissions.ts'
import { whole } from '../../platform/config/variables.ts'
import { created, endpoint, noContent, ok } from '../../platform/http/endpoint.ts'
import { feature } from '../../platform/http/feature.ts'
import { pageOf, pageQuery, parsePage, toPageWire } from '../../platform/http/pagination.ts'
import { Nothing, wire, WireId } from '../../platform/http/wire.ts'
import { newUuid, toWireId } from '../../platform/ids/id.ts'
import { idCursor } from '../../platform/lists/cursor.ts'
import { loadPage } from '../../platform/lists/load-page.ts'
import { foundOr } from '../../platform/problems/found-or.ts'
import { problem } from '../../platform/problems/problem.ts'
import {
  deleteKitesOf,
  deleteKitesOfUser,
  findKite,
  insertKite,
  kitesOf,
  listKitesOf,
  lockedKitesOf,
  isKiteKept,
  removeKites,
  removeKite,
  type Kite,
} from './kite-store.ts'
import { holdEndUser } from '../../features/accounts/end-users/index.ts'

const problems = {
  'kite-not-found': { status: 404, title: 'Kite Not Found' },
  'too-many-kites': { status: 409, title: 'Too Many Kites' },
} as const
const idPrefixes = { kite: 'A kite.' } as const
const wakes = { kites: 'A kite was created.' } as const
const permissions = {
  kites: rights({ owner: readWriteDelete, member: ['read', 'write'], viewer: ['read'], grantable: true }),
}
const variables = {
  KITES_MAX: whole({ meaning: 'The most kites of an application.', fallback: 100, min: 1, max: 1_000 }),
} as const

declare module '../../platform/vocabulary/vocabulary.ts' {
  interface ProblemCatalogue extends Readonly<typeof problems> {}
  interface IdPrefixes extends Readonly<typeof idPrefixes> {}
  interface WakeTopics extends Readonly<typeof wakes> {}
  interface ConfigVariables extends Readonly<typeof variables> {}
}

const base = { caller: 'application', limit: 'default', idempotency: 'not-needed', fails: [] } as const
const kiteId = { id: 'kite', missing: 'kite-not-found' } as const
const KiteWire = wire('Kite', { id: WireId('kite'), name: Type.String(), isLocked: Type.Boolean() })

function toKiteWire({ id, name, isLocked }: Kite) {
  return { id: toWireId('kite', id), name, isLocked }
}

const createKite = endpoint({
  ...base,
  route: 'POST /api/kites',
  summary: 'Create a kite',
  permission: 'kites:write',
  forEndUsers: true,
  limit: 'create',
  audit: 'kite.created',
  body: Type.Object({ name: Type.String({ minLength: 1 }), isLocked: Type.Optional(Type.Boolean()) }),
  returns: { 201: KiteWire },
  fails: ['too-many-kites'],
  async handle({ body, db, scope, caller, change, platform: { config, wake } }) {
    if ((await listKitesOf(db, scope).count(config.KITES_MAX)) >= config.KITES_MAX) throw problem('too-many-kites')
    const kite = { id: newUuid(), name: body.name, isLocked: body.isLocked ?? false }
    const userId = caller.kind === 'user' ? caller.userId : null
    await change(
      async (tx) => {
        await holdEndUser(tx, scope)
        await insertKite(tx, scope, { ...kite, userId })
      },
      () => toWireId('kite', kite.id),
    )
    wake.wake('kites', scope.applicationId)
    return created(toKiteWire(kite), `/api/kites/${toWireId('kite', kite.id)}`)
  },
})

const listKites = endpoint({
  ...base,
  route: 'GET /api/kites',
  summary: 'List kites',
  permission: 'kites:read',
  audit: 'none',
  query: pageQuery,
  returns: { 200: pageOf(KiteWire) },
  async handle({ db, scope, query }) {
    const page = parsePage(query, idCursor('kite'))
    return ok(toPageWire(await loadPage(listKitesOf(db, scope), page), page, toKiteWire))
  },
})

const getKite = endpoint({
  ...base,
  route: 'GET /api/kites/:kiteId',
  summary: 'Get a kite',
  permission: 'kites:read',
  audit: 'none',
  params: { kiteId },
  returns: { 200: KiteWire },
  handle: async ({ db, scope, params }) =>
    ok(toKiteWire(foundOr(await findKite(db, scope, params.kiteId), 'kite-not-found'))),
})

const deleteKite = endpoint({
  ...base,
  route: 'DELETE /api/kites/:kiteId',
  summary: 'Delete a kite',
  permission: 'kites:delete',
  forEndUsers: true,
  audit: 'kite.deleted',
  params: { kiteId },
  returns: { 204: Nothing },
  async handle({ scope, params, change }) {
    await change(
      async (tx) => {
        if (!(await removeKite(tx, scope, params.kiteId))) throw problem('kite-not-found')
      },
      () => toWireId('kite', params.kiteId),
    )
    return noContent()
  },
})

/** A noun that is not in the list of features: declares a word of each kind and fills each hook. */
export const kitesFeature = feature({
  folder: 'execution/kites',
  tag: 'Kites',
  description: 'Kites of an application, its end-users and its members.',
  problems,
  idPrefixes,
  wakes,
  permissions,
  variables,
  owns: ['kites'],
  removes: { application: { kites: removeKites } },
  contents: { application: { kites: { rows: kitesOf, description: 'Also locked ones.' } } },
  blocksDeletion: {
    application: { lockedKites: { rows: lockedKitesOf, detail: 'A kite is locked: delete it first.' } },
  },
  memberLeft: (tx, scope, { userId }) => deleteKitesOfUser(tx, scope, userId),
  erase: {
    order: 60,
    report: { kites: Type.Object({ deleted: Type.Integer({ minimum: 0 }) }) },
    async erase(tx, whose) {
      const deleted = await deleteKitesOf(tx, whose)
      return { rows: deleted, counts: { kites: { deleted } } }
    },
  },
  isVisible: { kite: async (db, scope, id) => (await findKite(db, scope, id)) !== undefined },
  isKept: { kite: isKiteKept },
  endpoints: { createKite, listKites, getKite, deleteKite },
})
