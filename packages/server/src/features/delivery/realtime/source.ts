import type { Db } from '../../../platform/db/database.ts'
import type { OrgScope } from '../../../platform/access/caller.ts'
import {
  loadAgentEvents,
  loadApplicationEvents,
  loadRunEvents,
  terminalStatuses,
  type JournalPage,
  type Position,
} from '../../execution/runs/index.ts'
import type { JournalEvent } from './journal-event.ts'
import { encodeCursor } from './position.ts'

/** The events of a stream: those of one run, or of all runs of an agent or an application. Ids are stored ids. */
export type Source = (
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'agent'; readonly agentId: string }
  | { readonly kind: 'application' }
) &
  OrgScope & { readonly applicationId: string }

/** A key that is equal for equal sources. */
export function keyOf(source: Source): string {
  switch (source.kind) {
    case 'run':
      return `run:${source.runId}`
    case 'agent':
      return `agent:${source.agentId}`
    case 'application':
      return `application:${source.applicationId}`
  }
}

/** The next events after a position, in order. */
export function readSource(db: Db, source: Source, after: Position): Promise<JournalPage> {
  switch (source.kind) {
    case 'run':
      return loadRunEvents(db, source, { runId: source.runId, after })
    case 'agent':
      return loadAgentEvents(db, source, { agentId: source.agentId, after })
    case 'application':
      return loadApplicationEvents(db, source, { after })
  }
}

/** The SSE id of a position. */
export function idOf(source: Source, position: Position): string {
  return source.kind === 'run' ? String(position.position) : encodeCursor(position)
}

/** The position of an event in a source. */
export function positionOf(source: Source, event: JournalEvent): Position {
  return source.kind === 'run' ? { transaction: 0, position: event.seq } : event.acrossRuns
}

/** True for the last event of a source. */
export function endsSource(source: Source, { status }: JournalEvent): boolean {
  return source.kind === 'run' && terminalStatuses.some((terminal) => terminal === status)
}
