import type { RawBuilder } from 'kysely'
import type { TProperties } from 'typebox'
import type { AppScope, OrgScope } from '../access/caller.ts'
import type { BlobDirectory } from '../blobs/blob-directory.ts'
import type { Db, Tx } from '../db/database.ts'
import type { Log } from '../log/log.ts'
import type { Wake } from '../wake/wake.ts'

/** Selects a row for each thing that belongs to the one with this stored id, such as for each run of an application. */
export type RowsOf = (id: RawBuilder<unknown>) => RawBuilder<unknown>

/** Things that are deleted together with what contains them. */
export interface Content {
  readonly rows: RowsOf
  /** For the API's documentation. */
  readonly description?: string
}

/** Things that must be gone before something can be deleted. */
export interface Block extends Content {
  /** What a refused deletion answers. */
  readonly detail: string
}

/** Ends what rests on a membership. Runs in the transaction that deletes the membership. */
export type MemberLeft = (
  tx: Tx,
  scope: OrgScope,
  member: { readonly userId: string; readonly now: Date },
) => Promise<void>

/** The end-user whose content an erasure removes. */
export interface ErasedEndUser extends AppScope {
  readonly endUserId: string
}

/** What an erasure may use once it is committed. */
export interface AfterErasure {
  readonly wake: Wake
  readonly blobs: BlobDirectory
  readonly log: Log
}

/** What one feature erased. */
export interface ErasedPart {
  /** The values of the fields that the feature declares in `report`. It is stored, so it must not identify anybody. */
  readonly report: Readonly<Record<string, unknown>>
  afterCommit?(after: AfterErasure): Promise<void> | void
}

/** A feature's part in an erasure. The end-user's row is locked before all parts, and deleted after them. */
export interface EraseHook {
  /** Parts lock, and then erase, in ascending order. Other transactions lock in this order too, or they deadlock. */
  readonly order: number
  /** The fields of the erasure's report. */
  readonly report: TProperties
  /** Locks what other transactions could change meanwhile; the function it returns erases. */
  lock(tx: Tx, whose: ErasedEndUser): Promise<() => Promise<ErasedPart>>
}

/** What a feature contributes to actions of features that must not import it; the noun is that of the other feature. */
export interface FeatureHooks {
  /** By noun and API field: the contents of an `application`, or of an `organization` outside its applications. */
  readonly contents?: Readonly<Record<string, Readonly<Record<string, Content>>>>
  /** By noun and API field: what blocks the deletion of an `application` or its organization, an `agent`, a `file`. */
  readonly blocksDeletion?: Readonly<Record<string, Readonly<Record<string, Block>>>>
  readonly memberLeft?: MemberLeft
  readonly erase?: EraseHook
  /** By noun: whether the thing with a stored id exists and the scope may see it. */
  readonly isVisible?: Readonly<Record<string, (db: Db, scope: AppScope, id: string) => Promise<boolean>>>
}

/** The hooks of all features. */
export interface Hooks {
  contentsOf(noun: string): Readonly<Record<string, Content>>
  blocksOf(noun: string): Readonly<Record<string, Block>>
  readonly memberLeft: readonly MemberLeft[]
  /** In ascending order. */
  readonly erase: readonly EraseHook[]
  /** Throws an Error when no feature has the noun. */
  isVisible(noun: string, db: Db, about: { readonly scope: AppScope; readonly id: string }): Promise<boolean>
}

/** Collects the hooks of features. Throws when two features contribute the same field. */
export function hooksOf(features: readonly FeatureHooks[]): Hooks {
  const visible = mergeFields(features.map(({ isVisible }) => isVisible ?? {}))
  const erase = features.flatMap((feature) => feature.erase ?? []).sort((a, b) => a.order - b.order)
  mergeFields(erase.map(({ report }) => report))
  return {
    contentsOf: (noun) => mergeFields(features.map(({ contents }) => contents?.[noun] ?? {})),
    blocksOf: (noun) => mergeFields(features.map(({ blocksDeletion }) => blocksDeletion?.[noun] ?? {})),
    memberLeft: features.flatMap(({ memberLeft }) => memberLeft ?? []),
    erase,
    async isVisible(noun, db, { scope, id }) {
      const ask = visible[noun]
      if (ask === undefined) throw new Error(`No feature says whether a ${noun} is visible.`)
      return ask(db, scope, id)
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
