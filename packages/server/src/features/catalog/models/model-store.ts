import { sql, type RawBuilder } from 'kysely'
import type { Db, Tx } from '../../../platform/db/database.ts'
import { toJsonText } from '../../../platform/db/json-text.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import { removalFrom } from '../../../platform/hooks/postgres-removal.ts'
import { mapSlice, type Page, type Slice } from '../../../platform/lists/load-page.ts'
import { loadNewest } from '../../../platform/lists/postgres-list.ts'
import { serializeInOrganization } from '../../accounts/organizations/index.ts'
import { providerAddresses, type ProviderKey } from '../provider-keys/index.ts'
import type { Model, ModelSettings } from './model.ts'
import { parsePrice } from './price.ts'
import { keptIn } from '../../../platform/hooks/postgres-kept.ts'

export interface NewModel {
  readonly id: string
  readonly settings: ModelSettings
  readonly key: Pick<ProviderKey, 'id' | 'api' | 'baseUrl'>
  readonly createdBy: string | null
}

/** Serializes changes to the organization's first model and to its default model. */
export async function lockModels(tx: Tx, scope: OrgScope): Promise<void> {
  await serializeInOrganization(tx, scope)
}

/** Inserts a model; the organization's first one becomes its default. Needs `lockModels`. */
export async function insertModel(tx: Tx, scope: OrgScope, { id, settings, key, createdBy }: NewModel): Promise<Model> {
  await tx
    .insertInto('models')
    .values((eb) => ({
      ...columnsOf(settings, key),
      id,
      organization_id: scope.organizationId,
      created_by: createdBy,
      is_default: sql<boolean>`not exists ${eb
        .selectFrom('models')
        .select('id')
        .where('organization_id', '=', scope.organizationId)}`,
    }))
    .execute()
  return reloadModel(tx, scope, id)
}

export async function saveModel(
  tx: Tx,
  scope: OrgScope,
  { id, settings, key }: Omit<NewModel, 'createdBy'>,
): Promise<Model> {
  await tx
    .updateTable('models')
    .set({ ...columnsOf(settings, key), updated_at: sql`now()` })
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .execute()
  return reloadModel(tx, scope, id)
}

/** Selects a row for each model of an organization. */
export function modelsOf(organizationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`select from models where organization_id = ${organizationId}`
}

export async function loadModels(db: Db, scope: OrgScope, page: Page): Promise<Slice<Model>> {
  const matching = db.selectFrom('models as m').where('m.organization_id', '=', scope.organizationId)
  return mapSlice(await loadNewest(db, { rows: select(db, scope), matching, idColumn: 'm.id' }, page), toModel)
}

/** The model, or undefined when the organization does not have it. */
export async function findModel(db: Db, scope: OrgScope, id: string): Promise<Model | undefined> {
  const row = await select(db, scope).where('m.id', '=', id).executeTakeFirst()
  return row === undefined ? undefined : toModel(row)
}

/** Locks the model against changes until the transaction ends; undefined when the organization does not have it. */
export async function lockModel(tx: Tx, scope: OrgScope, id: string): Promise<Model | undefined> {
  const row = await select(tx, scope).where('m.id', '=', id).forUpdate('m').executeTakeFirst()
  return row === undefined ? undefined : toModel(row)
}

/** The id of a model, which is protected from deletion in this transaction; undefined when there is no such model. */
export async function holdModel(tx: Tx, scope: OrgScope, id: string): Promise<string | undefined> {
  const row = await tx
    .selectFrom('models')
    .select('id')
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .forKeyShare()
    .executeTakeFirst()
  return row?.id
}

/** The models with these ids, and the default model. */
export async function loadCandidates(db: Db, scope: OrgScope, ids: readonly string[]): Promise<Model[]> {
  const rows = await select(db, scope)
    .where((eb) => eb.or([eb('m.is_default', '=', true), ...ids.map((id) => eb('m.id', '=', id))]))
    .execute()
  return rows.map(toModel)
}

/** Makes a held model the default, or removes the default. Needs `lockModels`. */
export async function saveDefaultModel(tx: Tx, scope: OrgScope, id: string | null): Promise<void> {
  await tx
    .updateTable('models')
    .set({ is_default: false })
    .where('organization_id', '=', scope.organizationId)
    .where('is_default', '=', true)
    .execute()
  if (id === null) return
  await tx
    .updateTable('models')
    .set({ is_default: true })
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .execute()
}

/** False when the organization does not have the model. */
export async function deleteModelRow(tx: Tx, scope: OrgScope, id: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('models')
    .where('organization_id', '=', scope.organizationId)
    .where('id', '=', id)
    .executeTakeFirstOrThrow()
  return numDeletedRows > 0n
}

async function reloadModel(tx: Tx, scope: OrgScope, id: string): Promise<Model> {
  return toModel(await select(tx, scope).where('m.id', '=', id).executeTakeFirstOrThrow())
}

function columnsOf(settings: ModelSettings, key: NewModel['key']) {
  return {
    provider_key_id: key.id,
    label: settings.label,
    model_id: settings.modelId,
    context_window: settings.contextWindow,
    max_tokens: settings.maxTokens,
    cost: settings.cost === null ? null : toJsonText(settings.cost),
    enabled: settings.enabled,
  }
}

// Protocol and address are read from the provider key, so a change of the key applies to its models at once.
function select(db: Db, scope: OrgScope) {
  return db
    .selectFrom('models as m')
    .innerJoin(providerAddresses(db).as('k'), (join) =>
      join.onRef('k.organization_id', '=', 'm.organization_id').onRef('k.id', '=', 'm.provider_key_id'),
    )
    .select([
      'm.id',
      'm.label',
      'm.provider_key_id',
      'k.api',
      'k.base_url',
      'm.model_id',
      'm.context_window',
      'm.max_tokens',
      'm.cost',
    ])
    .select(['m.enabled', 'm.is_default', 'm.created_by', 'm.created_at', 'm.updated_at'])
    .where('m.organization_id', '=', scope.organizationId)
}

type ModelRow = Awaited<ReturnType<ReturnType<typeof select>['executeTakeFirstOrThrow']>>

function toModel(row: ModelRow): Model {
  return {
    id: row.id,
    label: row.label,
    providerKeyId: row.provider_key_id,
    api: row.api,
    baseUrl: row.base_url,
    modelId: row.model_id,
    contextWindow: row.context_window,
    maxTokens: row.max_tokens,
    cost: parsePrice(row.cost),
    enabled: row.enabled,
    isDefault: row.is_default,
    createdBy: row.created_by,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** Removes models of a deleted organization. */
export const removeModels = removalFrom('models', 'organization_id')

/** Whether the model with this stored id is still there. */
export const isModelKept = keptIn('models')
