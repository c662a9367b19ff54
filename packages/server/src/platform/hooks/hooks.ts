import type { RawBuilder } from 'kysely'
import type { TProperties } from 'typebox'
import type { AppScope, OrgScope } from '../access/caller.ts'
import type { BlobDirectory } from '../blobs/blob-directory.ts'
import type { Config } from '../config/config.ts'
import type { Db, Tx } from '../db/database.ts'
import { readWireId } from '../ids/id.ts'
import type { Log } from '../log/log.ts'
import type { Wake } from '../wake/wake.ts'
import type { IsKept } from './postgres-kept.ts'

/** Selects a row for each thing that belongs to the one with this stored id, such as for each run of an application. */
export type RowsOf = (id: RawBuilder<unknown>) => RawBuilder<unknown>

/** Things that are deleted together with what contains them. */
export interface Content {
  readonly rows: RowsOf
  /** For the API's documentation. */
  readonly description?: string
}

/** Things that prevent the deletion of what contains them. */
export interface Block extends Content {
  /** The `detail` of the problem that refuses the deletion. */
  readonly detail: string
}

/** A statement that deletes at most `limit` rows of one table that belong to the container with this stored id. */
export type RemovalStatement = (containerId: string, limit: number) => RawBuilder<unknown>

/** What an application's retention deletes in one batch. */
export interface Expiring {
  readonly applicationId: string
  /** Only what is older is deleted. */
  readonly before: Date
  /** Rows that the batch may delete. */
  readonly limit: number
  readonly hooks: Hooks
}

/** What one batch has deleted. */
export interface ExpiredBatch {
  /** Deleted rows of any table; 0 when nothing is left to delete. */
  readonly rows: number
  /** Deleted things, by the name that the report uses. */
  readonly deleted: Readonly<Record<string, number>>
  afterCommit?(after: AfterErasure): Promise<void> | void
}

/** Deletes one batch of an application's old things, oldest first. Must skip what is still in use. */
export type ExpiryHook = (tx: Tx, expiring: Expiring) => Promise<ExpiredBatch>

/** Deletes or detaches what depends on a membership. Runs in the transaction that deletes the membership. */
export type MemberLeft = (
  tx: Tx,
  scope: OrgScope,
  member: { readonly userId: string; readonly now: Date },
) => Promise<void>

/** Loads a bounded number of names that belong to a user, such as those of their organizations. */
export type TextsAboutUser = (db: Db, userId: string) => Promise<readonly string[]>

/** The end-user whose content an erasure removes. */
export interface ErasedEndUser extends AppScope {
  readonly endUserId: string
}

/** The capabilities that `afterCommit` may use. */
export interface AfterErasure {
  readonly wake: Wake
  readonly blobs: BlobDirectory
  readonly log: Log
}

/** What an erasure has done, in numbers, by field. It is stored, so it must not identify a person. */
export type ErasureCounts = Readonly<Record<string, Readonly<Record<string, number>>>>

/** What one batch of an erasure has done. */
export interface ErasedBatch {
  /** Changed rows of any table; 0 when nothing is left of the end-user. */
  readonly rows: number
  /** What is added to the fields that the feature declares in `report`. */
  readonly counts: ErasureCounts
  afterCommit?(after: AfterErasure): Promise<void> | void
}

/**
 * A feature's part in an erasure. The end-user is marked before all parts: nothing new is created for them. Their row
 * is deleted after the parts, once no part has anything left.
 */
export interface EraseHook {
  /** The parts erase in ascending order. */
  readonly order: number
  /** The fields of the erasure's report: objects with a number for each thing that is counted. */
  readonly report: TProperties
  /** Erases about `limit` rows, in a transaction of its own that other transactions wait for. */
  erase(tx: Tx, whose: ErasedEndUser, limit: number): Promise<ErasedBatch>
}

/** A quota of organizations that a feature keeps by itself: there is no count of it in the database. */
export interface QuotaSource {
  /** The operator's limit, if a variable of the feature sets it. */
  limit?(config: Config): number
  /** How much the organization uses now. Must be cheap however many rows the organization has. */
  used?(db: Db, organizationId: string): Promise<number>
}

/** A feature's contributions to features that must not import it. A noun names the other feature's resource. */
export interface FeatureHooks {
  /** By noun and API field: the contents of an `application`, or of an `organization` outside its applications. */
  readonly contents?: Readonly<Record<string, Readonly<Record<string, Content>>>>
  /** By noun and API field: what blocks the deletion of an `application` or its organization, an `agent`, a `file`. */
  readonly blocksDeletion?: Readonly<Record<string, Readonly<Record<string, Block>>>>
  /**
   * By noun and table: how the rows of a deleted `application`, or of a deleted `organization` outside its
   * applications, are removed in batches. Every table with such an owner needs one.
   */
  readonly removes?: Readonly<Record<string, Readonly<Record<string, RemovalStatement>>>>
  /** By field of an application's setting `retention`: deletes what is older than the setting says. */
  readonly expires?: Readonly<Record<string, ExpiryHook>>
  readonly memberLeft?: MemberLeft
  /** By name in the API: the quotas that the feature keeps by itself. */
  readonly quotas?: Readonly<Record<string, QuotaSource>>
  readonly erase?: EraseHook
  /** Names that belong to a user: a password must not consist of them. */
  readonly textsAboutUser?: TextsAboutUser
  /** By noun: whether the thing with this stored id exists and the scope may see it. */
  readonly isVisible?: Readonly<Record<string, (db: Db, scope: AppScope, id: string) => Promise<boolean>>>
  /**
   * By prefix of the ids: whether the thing is still there, with its content. Each thing that an idempotent request
   * creates or changes needs one: a stored reply that shows the thing is not replayed once it is deleted or erased.
   */
  readonly isKept?: Readonly<Record<string, IsKept>>
  /** Whether somebody may give the address, in lower case, an account by inviting it. Unscoped. */
  readonly isInvited?: IsInvited
}

type IsInvited = (db: Db, email: string, now: Date) => Promise<boolean>

/** The hooks of all features. */
export interface Hooks {
  contentsOf(noun: string): Readonly<Record<string, Content>>
  blocksOf(noun: string): Readonly<Record<string, Block>>
  removalsOf(noun: string): Readonly<Record<string, RemovalStatement>>
  readonly expires: Readonly<Record<string, ExpiryHook>>
  readonly memberLeft: readonly MemberLeft[]
  readonly quotas: Readonly<Record<string, QuotaSource>>
  /** In ascending order. */
  readonly erase: readonly EraseHook[]
  readonly textsAboutUser: TextsAboutUser
  /** Throws an Error when no feature has the noun. */
  isVisible(noun: string, db: Db, about: { readonly scope: AppScope; readonly id: string }): Promise<boolean>
  /** Whether the thing with this wire id is still there, with its content; undefined when no feature says it. */
  isKept(db: Db, wireId: string): Promise<boolean | undefined>
  readonly isInvited: IsInvited
}

/** Collects the hooks of features. Throws when two features contribute the same field. */
export function hooksOf(features: readonly FeatureHooks[]): Hooks {
  const visible = mergeFields(features.map(({ isVisible }) => isVisible ?? {}))
  const kept = mergeFields(features.map(({ isKept }) => isKept ?? {}))
  const erase = features.flatMap((feature) => feature.erase ?? []).sort((a, b) => a.order - b.order)
  mergeFields(erase.map(({ report }) => report))
  return {
    contentsOf: (noun) => mergeFields(features.map(({ contents }) => contents?.[noun] ?? {})),
    blocksOf: (noun) => mergeFields(features.map(({ blocksDeletion }) => blocksDeletion?.[noun] ?? {})),
    removalsOf: (noun) => mergeFields(features.map(({ removes }) => removes?.[noun] ?? {})),
    expires: mergeFields(features.map(({ expires }) => expires ?? {})),
    quotas: mergeFields(features.map(({ quotas }) => quotas ?? {})),
    memberLeft: features.flatMap(({ memberLeft }) => memberLeft ?? []),
    erase,
    async textsAboutUser(db, userId) {
      const parts = features.flatMap(({ textsAboutUser }) => textsAboutUser?.(db, userId) ?? [])
      return (await Promise.all(parts)).flat()
    },
    async isVisible(noun, db, { scope, id }) {
      const ask = visible[noun]
      if (ask === undefined) throw new Error(`No feature says whether a ${noun} is visible.`)
      return ask(db, scope, id)
    },
    async isKept(db, wireId) {
      const read = readWireId(wireId)
      return read === undefined ? undefined : kept[read.prefix]?.(db, read.id)
    },
    async isInvited(db, email, now) {
      for (const feature of features) if ((await feature.isInvited?.(db, email, now)) === true) return true
      return false
    },
  }
}

function mergeFields<T>(parts: readonly Readonly<Record<string, T>>[]): Readonly<Record<string, T>> {
  const merged = new Map<string, T>()
  for (const [name, value] of parts.flatMap((part) => Object.entries(part))) {
    if (merged.has(name)) throw new Error(`Two features contribute ${name}.`)
    merged.set(name, value)
  }
  return Object.fromEntries(merged)
}
