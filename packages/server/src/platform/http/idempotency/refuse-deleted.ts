import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Db } from '../../db/database.ts'
import type { Hooks } from '../../hooks/hooks.ts'
import { problem } from '../../problems/problem.ts'
import type { StoredReply } from './idempotency.ts'

/** The ids of what a reply shows: the thing itself, and the end-user whose content it holds. */
const Shown = Type.Object({
  id: Type.Optional(Type.Unknown()),
  endUserId: Type.Optional(Type.Unknown()),
})

/**
 * Throws `idempotency-result-deleted` when the thing that a stored reply shows was deleted since, or the content of its
 * end-user erased. The database is asked at each replay: what no longer exists then is not shown, whatever removed it
 * and wherever the reply is stored. The key stays used, so that the repeated request creates no second thing.
 */
export async function refuseDeleted(hooks: Hooks, db: Db, reply: StoredReply): Promise<void> {
  for (const wireId of idsIn(reply)) if ((await hooks.isKept(db, wireId)) === false) throw resultDeleted()
}

function idsIn({ body }: StoredReply): string[] {
  const shown: unknown = body === '' ? undefined : JSON.parse(body)
  if (!Value.Check(Shown, shown)) return []
  return [shown.id, shown.endUserId].filter((id) => typeof id === 'string')
}

function resultDeleted() {
  return problem('idempotency-result-deleted', {
    detail:
      'A request with this Idempotency-Key has succeeded before, and its result was deleted since. ' +
      'Use a new key for a new request.',
    headers: { 'Idempotent-Replayed': 'true' },
  })
}
