import { sql, type RawBuilder, type Selectable } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import type { ProviderKeys } from '../../../platform/db/schema.generated.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import type { ProviderAddress, ProviderKey } from './provider-key.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

const columns = ['id', 'label', 'api', 'base_url', 'created_by', 'created_at', 'updated_at'] as const

export interface NewProviderKey extends ProviderAddress {
  readonly id: string
  readonly label: string
  /** The secret, sealed by the key ring. */
  readonly encryptedKey: string
  readonly createdBy: string | null
}

export interface SavedProviderKey extends ProviderAddress {
  readonly id: string
  readonly label: string
  /** Undefined keeps the stored secret. */
  readonly encryptedKey: string | undefined
}

export async function insertProviderKey(tx: Tx, scope: OrgScope, key: NewProviderKey): Promise<ProviderKey> {
  const row = await tx
    .insertInto('provider_keys')
    .values({
      id: key.id,
      organization_id: scope.organizationId,
      label: key.label,
      api: key.api,
      base_url: key.baseUrl,
      encrypted_key: key.encryptedKey,
      created_by: key.createdBy,
    })
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toProviderKey(row)
}

/** Selects a row for each provider key of an organization. */
export function providerKeysOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from provider_keys where organization_id = ${organizationId}`
}

/** Protocols and addresses of provider keys, to be joined. */
export function providerAddresses(db: Db) {
  return db.selectFrom('provider_keys').select(['organization_id', 'id', 'api', 'base_url'])
}

/** Moves every provider key from one address to another, across organizations. */
export async function moveBaseUrl(db: Db, from: string, to: string): Promise<void> {
  await db.updateTable('provider_keys').set({ base_url: to }).where('base_url', '=', from).execute()
}

export async function loadProviderKeys(db: Db, scope: OrgScope, page: Page): Promise<Slice<ProviderKey>> {
  const matching = db.selectFrom('provider_keys').where('organization_id', '=', scope.organizationId)
  return mapSlice(await loadNewest(db, { rows: matching.select(columns), matching }, page), toProviderKey)
}

/** The key, or undefined when the organization does not have it. */
export async function findProviderKey(db: Db, scope: OrgScope, id: string): Promise<ProviderKey | undefined> {
  const row = await select(db, scope, id).executeTakeFirst()
  return row === undefined ? undefined : toProviderKey(row)
}

/** Locks the key against changes until the transaction ends; undefined when the organization does not have it. */
export async function lockProviderKey(tx: Tx, scope: OrgScope, id: string): Promise<ProviderKey | undefined> {
  const row = await select(tx, scope, id).forUpdate().executeTakeFirst()
  return row === undefined ? undefined : toProviderKey(row)
}

/** The key, protected from deletion in this transaction; undefined when the organization does not have it. */
export async function holdProviderKey(tx: Tx, scope: OrgScope, id: string): Promise<ProviderKey | undefined> {
  const row = await select(tx, scope, id).forKeyShare().executeTakeFirst()
  return row === undefined ? undefined : toProviderKey(row)
}

export async function saveProviderKey(tx: Tx, scope: OrgScope, key: SavedProviderKey): Promise<ProviderKey> {
  const row = await tx
    .updateTable('provider_keys')
    .set({
      label: key.label,
      api: key.api,
      base_url: key.baseUrl,
      ...(key.encryptedKey === undefined ? {} : { encrypted_key: key.encryptedKey }),
      updated_at: sql`now()`,
    })
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', key.id)
    .returning(columns)
    .executeTakeFirstOrThrow()
  return toProviderKey(row)
}

/** Deletes the key and, with it, the models that use it. False when the organization does not have it. */
export async function deleteProviderKeyRow(tx: Tx, scope: OrgScope, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('provider_keys')
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

/** The sealed secret with its address, or undefined when the key was deleted. */
export async function findSealedKey(
  db: Db,
  scope: OrgScope,
  id: string,
): Promise<(ProviderAddress & { encryptedKey: string }) | undefined> {
  const row = await db
    .selectFrom('provider_keys')
    .select(['api', 'base_url', 'encrypted_key'])
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined ? undefined : { api: row.api, baseUrl: row.base_url, encryptedKey: row.encrypted_key }
}

function select(db: Db, scope: OrgScope, id: string) {
  return db
    .selectFrom('provider_keys')
    .select(columns)
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
}

function toProviderKey(row: Pick<Selectable<ProviderKeys>, (typeof columns)[number]>): ProviderKey {
  return {
    id: row.id,
    label: row.label,
    api: row.api,
    baseUrl: row.base_url,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Removes provider keys of a deleted organization. */
export const removeProviderKeys = removalFrom('provider_keys', 'organization_id')

/** Whether the provider key with this stored id is still there. */
export const isProviderKeyKept = keptIn('provider_keys')
