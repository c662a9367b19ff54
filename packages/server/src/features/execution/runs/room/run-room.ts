import type { OrgScope } from '../../../../platform/access/caller.ts'
import type { Db, Tx } from '../../../../platform/db/database.ts'
import type { Platform, Service } from '../../../../platform/platform.ts'
import { problem } from '../../../../platform/problems/problem.ts'
import { quotas } from '../../../accounts/quotas/index.ts'
import { countUnfinished, lockStartsOf } from './run-room-store.ts'

/** With at least so much room, a node counts again only after a while: the runs of all nodes fit meanwhile. */
const plentyRuns = 400
/** The part of the room that a node may use before it counts again. */
const usablePart = 8
const countedForMs = 2_000
const remembered = 10_000

/** How many more unfinished runs an organization may have. */
export interface RunRoom {
  /**
   * Refuses a run that is more than the organization may have, before it is inserted. Exact when there is little room:
   * then the starts of the organization take turns until they commit. Throws `org-run-concurrency-exceeded`.
   */
  refuseWithoutRoom(tx: Tx, scope: Pick<OrgScope, 'organizationId'>, limits: RoomLimit): Promise<void>
  /** How many runs fit now, at most `wanted`. */
  find(db: Db, scope: Pick<OrgScope, 'organizationId'>, about: RoomLimit & { wanted: number }): Promise<number>
}

export interface RoomLimit {
  /** The quota `unfinishedRuns`; null is unlimited. */
  readonly limit: number | null
}

interface Known {
  readonly untilMs: number
  /** Runs that this node may start without counting. */
  left: number
}

export const runRoom: Service<RunRoom> = {
  name: 'room for runs',
  open() {
    const known = new Map<string, Known>()
    return {
      async refuseWithoutRoom(tx, { organizationId }, { limit }) {
        if (limit === null || takeKnown(known, organizationId, 1)) return
        const counted = await countUnfinished(tx, organizationId, limit)
        if (limit - counted >= plentyRuns) return remember(known, organizationId, limit - counted)
        await lockStartsOf(tx, organizationId)
        if ((await countUnfinished(tx, organizationId, limit)) >= limit) throw tooMany(limit)
      },
      async find(db, { organizationId }, { limit, wanted }) {
        if (limit === null || takeKnown(known, organizationId, wanted)) return wanted
        const room = limit - (await countUnfinished(db, organizationId, limit))
        if (room >= plentyRuns) remember(known, organizationId, room)
        return Math.max(0, Math.min(wanted, room))
      },
    }
  },
}

/** The quota `unfinishedRuns` of an organization; read it before the transaction that inserts a run. */
export async function roomLimitOf(
  { use }: Pick<Platform, 'use'>,
  { organizationId }: Pick<OrgScope, 'organizationId'>,
): Promise<RoomLimit> {
  return { limit: (await use(quotas).limitsOf(organizationId)).unfinishedRuns.limit }
}

function takeKnown(known: Map<string, Known>, organizationId: string, runs: number): boolean {
  const room = known.get(organizationId)
  if (room === undefined || room.left < runs || room.untilMs < performance.now()) return false
  room.left -= runs
  return true
}

function remember(known: Map<string, Known>, organizationId: string, room: number): void {
  known.delete(organizationId)
  const oldest = known.size >= remembered ? known.keys().next().value : undefined
  if (oldest !== undefined) known.delete(oldest)
  known.set(organizationId, { untilMs: performance.now() + countedForMs, left: Math.floor(room / usablePart) })
}

function tooMany(limit: number) {
  return problem('org-run-concurrency-exceeded', {
    detail:
      `The organization may have ${limit} runs that are pending or running, and has them: ` +
      'wait until some end, cancel some, or ask the operator of this server for a higher quota.',
    extensions: { quota: 'unfinishedRuns', limit, used: limit },
    headers: { 'Retry-After': '5' },
  })
}
