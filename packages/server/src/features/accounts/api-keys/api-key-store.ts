import type { Db, Tx } from '../../../platform/db/database.ts'
import type { AppScope } from '../../../platform/http/caller.ts'
import { offsetOf, type Page, type Slice } from '../../../platform/http/pagination.ts'
import { problem } from '../../../platform/http/problem.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { ApiKey } from './api-key.ts'

export interface NewApiKey {
  readonly name: string
  readonly keyHash: Buffer
  readonly keyPrefix: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly expiresAt: Date | null
}

export async function insertApiKey(tx: Tx, scope: AppScope, key: NewApiKey): Promise<ApiKey> {
  const row = await tx
    .insertInto('api_keys')
    .values({
      id: newUuid(),
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      name: key.name,
      key_hash: key.keyHash,
      key_prefix: key.keyPrefix,
      scopes: [...key.scopes],
      created_by: key.createdBy,
      expires_at: key.expiresAt,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toApiKey(row)
}

/** The keys that are not revoked, newest first. */
export async function listApiKeys(db: Db, scope: AppScope, page: Page): Promise<Slice<ApiKey>> {
  const keys = db
    .selectFrom('api_keys')
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('revoked_at', 'is', null)
  const [rows, { total }] = await Promise.all([
    keys.select(columns).orderBy('id', 'desc').limit(page.pageSize).offset(offsetOf(page)).execute(),
    keys.select((eb) => eb.fn.countAll<number>().as('total')).executeTakeFirstOrThrow(),
  ])
  return { items: rows.map(toApiKey), total }
}

/** Throws api-key-not-found, for a key that was revoked before too. */
export async function saveRevocation(tx: Tx, scope: AppScope, { id, now }: { id: string; now: Date }): Promise<void> {
  const { numUpdatedRows } = await tx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  if (numUpdatedRows === 0n) throw problem('api-key-not-found')
}

const columns = ['id', 'name', 'key_prefix', 'scopes', 'created_by', 'expires_at', 'last_used_at', 'revoked_at', 'created_at'] as const

interface ApiKeyRow {
  readonly id: string
  readonly name: string
  readonly key_prefix: string
  readonly scopes: string[]
  readonly created_by: string
  readonly expires_at: Date | null
  readonly last_used_at: Date | null
  readonly revoked_at: Date | null
  readonly created_at: Date
}

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    keyPrefix: row.key_prefix,
    scopes: row.scopes,
    createdBy: row.created_by,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    createdAt: row.created_at,
  }
}
