import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { AppScope, OrgScope } from '../../../platform/access/caller.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { userNames } from '../sign-in/index.ts'
import type { ApiKey } from './api-key.ts'
import { parseKeyLimits, type KeyLimits } from './key-limits.ts'

export interface NewApiKey {
  readonly name: string
  readonly keyHash: Buffer
  readonly keyPrefix: string
  readonly scopes: readonly string[]
  readonly createdBy: string
  readonly expiresAt: Date | null
  readonly limits: KeyLimits
}

export async function insertApiKey(tx: Tx, scope: AppScope, key: NewApiKey): Promise<ApiKey> {
  const id = newUuid()
  await tx
    .insertInto('api_keys')
    .values({
      id,
      organization_id: scope.organizationId,
      application_id: scope.applicationId,
      name: key.name,
      key_hash: key.keyHash,
      key_prefix: key.keyPrefix,
      scopes: [...key.scopes],
      created_by: key.createdBy,
      expires_at: key.expiresAt,
      limits: toJsonText(key.limits),
    })
    .execute()
  return readApiKey(tx, scope, id)
}

/** The keys that are not revoked, newest first. */
export async function loadApiKeys(db: Db, scope: AppScope, page: Page): Promise<Slice<ApiKey>> {
  const list = { rows: select(db, scope), matching: keysIn(db, scope), idColumn: 'k.id' }
  return mapSlice(await loadNewest(db, list, page), toApiKey)
}

/** Undefined for a revoked key too. */
export async function findApiKey(db: Db, scope: AppScope, id: string): Promise<ApiKey | undefined> {
  const row = await select(db, scope).where('k.id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toApiKey(row)
}

/** Locks the key until the transaction ends; undefined for a revoked key too. */
export async function lockApiKey(tx: Tx, scope: AppScope, id: string): Promise<ApiKey | undefined> {
  const row = await select(tx, scope).where('k.id', '=', id).forUpdate('k').executeTakeFirst()
  return row === undefined ? undefined : toApiKey(row)
}

export async function saveApiKey(
  tx: Tx,
  scope: AppScope,
  { id, name, scopes, limits }: Pick<ApiKey, 'id' | 'name' | 'scopes' | 'limits'>,
): Promise<ApiKey> {
  await ofScope(tx, scope)
    .set({ name, scopes: [...scopes], limits: toJsonText(limits) })
    .where('id', '=', id)
    .execute()
  return readApiKey(tx, scope, id)
}

export interface NewKeySecret {
  readonly id: string
  readonly keyHash: Buffer
  readonly keyPrefix: string
  readonly now: Date
  /** The user who learns the new secret, and to whom the key then belongs. */
  readonly rotatedBy: string
  /** When the current secret stops working. */
  readonly previousExpiresAt: Date
}

/**
 * Replaces the secret of a key. The current secret becomes the previous one, which still belongs to its creator; an
 * older one stops working.
 */
export async function saveSecret(
  tx: Tx,
  scope: AppScope,
  { id, keyHash, keyPrefix, now, rotatedBy, previousExpiresAt }: NewKeySecret,
): Promise<ApiKey> {
  await ofScope(tx, scope)
    .set((eb) => ({
      previous_key_hash: eb.ref('key_hash'),
      previous_created_by: eb.ref('created_by'),
      created_by: rotatedBy,
      previous_expires_at: previousExpiresAt,
      key_hash: keyHash,
      key_prefix: keyPrefix,
      rotated_at: now,
    }))
    .where('id', '=', id)
    .execute()
  return readApiKey(tx, scope, id)
}

/** Revokes a key; false if there is none, or if it is already revoked. */
export async function saveRevocation(
  tx: Tx,
  scope: AppScope,
  { id, now }: { id: string; now: Date },
): Promise<boolean> {
  const { numUpdatedRows } = await ofScope(tx, scope)
    .set({ revoked_at: now })
    .where('id', '=', id)
    .where('revoked_at', 'is', null)
    .executeTakeFirstOrThrow()
  return numUpdatedRows > 0n
}

/**
 * Revokes the keys and previous secrets that a user knows: they must not work again when the user joins the
 * organization again.
 */
export async function revokeKeysOf(
  tx: Tx,
  scope: OrgScope,
  { userId, now }: { readonly userId: string; readonly now: Date },
): Promise<void> {
  await tx
    .updateTable('api_keys')
    .set({ revoked_at: now })
    .where('organization_id', '=', scope.organizationId)
    .where('created_by', '=', userId)
    .where('revoked_at', 'is', null)
    .execute()
  await tx
    .updateTable('api_keys')
    .set({ previous_key_hash: null, previous_created_by: null })
    .where('organization_id', '=', scope.organizationId)
    .where('previous_created_by', '=', userId)
    .execute()
}

/** Selects a row for each key of an application that is not revoked. */
export function keysOf(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from api_keys where application_id = ${applicationId} and revoked_at is null`
}

// A key that this transaction has just written.
async function readApiKey(tx: Tx, scope: AppScope, id: string): Promise<ApiKey> {
  return toApiKey(await select(tx, scope).where('k.id', '=', id).executeTakeFirstOrThrow())
}

function ofScope(tx: Tx, scope: AppScope) {
  return tx
    .updateTable('api_keys')
    .where('organization_id', '=', scope.organizationId)
    .where('application_id', '=', scope.applicationId)
}

function keysIn(db: Db, scope: AppScope) {
  return db
    .selectFrom('api_keys as k')
    .where('k.organization_id', '=', scope.organizationId)
    .where('k.application_id', '=', scope.applicationId)
    .where('k.revoked_at', 'is', null)
}

function select(db: Db, scope: AppScope) {
  return keysIn(db, scope)
    .innerJoin(userNames(db).as('u'), 'u.id', 'k.created_by')
    .select([
      'k.id',
      'k.name',
      'k.key_prefix',
      'k.scopes',
      'k.created_by',
      'u.name as creator',
      'k.expires_at',
      'k.last_used_at',
      'k.revoked_at',
    ])
    .select(['k.rotated_at', 'k.previous_expires_at', 'k.created_at', 'k.limits'])
}

type ApiKeyRow = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>

function toApiKey(row: ApiKeyRow): ApiKey {
  return {
    id: row.id,
    name: row.name,
    keyPrefix: row.key_prefix,
    scopes: row.scopes,
    createdBy: row.created_by,
    createdByName: row.creator,
    expiresAt: row.expires_at,
    lastUsedAt: row.last_used_at,
    revokedAt: row.revoked_at,
    rotatedAt: row.rotated_at,
    previousExpiresAt: row.previous_expires_at,
    createdAt: row.created_at,
    limits: parseKeyLimits(row.limits),
  }
}

/** Removes API keys of a deleted application. */
export const removeApiKeys = removalFrom('api_keys', 'application_id')
