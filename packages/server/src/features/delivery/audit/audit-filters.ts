import { Type, type Static } from 'typebox'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { WireId } from '../../../platform/http/wire.ts'
import { parseWireId } from '../../../platform/ids/id.ts'

/** Which entries are asked for; ids as they are stored. */
export interface AuditFilters {
  /** A user, an API key, or `system`. */
  readonly actorId?: string
  readonly endUserId?: string
  readonly action?: string
  /** The part of the action before the dot. */
  readonly noun?: string
  readonly resourceId?: string
  readonly applicationId?: string
  /** Written at this time or later. */
  readonly since?: Date
  /** Written before. */
  readonly until?: Date
}

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description }))

export const windowQuery = {
  since: time('Entries of this time and later.'),
  until: time('Entries before this time.'),
}

export const filterQuery = {
  ...windowQuery,
  actor: Type.Optional(
    Type.String({ maxLength: 60, description: 'A `usr_…`, a `key_…`, an `eu_…` (on whose behalf), or `system`.' }),
  ),
  action: Type.Optional(
    Type.String({
      maxLength: 100,
      pattern: '^[a-z0-9-]+\\.([a-z0-9-]+|\\*)$',
      examples: ['agent.updated', 'agent.*'],
      description: 'An action, or all of a noun: `agent.*`.',
    }),
  ),
  resourceId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 300, description: 'What was changed, such as `agent_…`.' }),
  ),
  applicationId: Type.Optional(WireId('app')),
}

type FilterQuery = Static<ReturnType<typeof Type.Object<typeof filterQuery>>>

/** The filters of a validated query. Throws validation-error for what is no id or no time. */
export function parseFilters(query: FilterQuery): AuditFilters {
  const mistakes: InvalidPart[] = []
  const filters: AuditFilters = {
    ...parseWindow(query, mistakes),
    ...(query.actor === undefined ? {} : parseActor(query.actor, mistakes)),
    ...(query.action === undefined ? {} : parseAction(query.action)),
    ...(query.resourceId === undefined ? {} : { resourceId: query.resourceId }),
    ...(query.applicationId === undefined ? {} : parseApplication(query.applicationId, mistakes)),
  }
  refuseInvalid(mistakes)
  return filters
}

/** `since` and `until` of a validated query. What the calendar does not have is added to the mistakes. */
export function parseWindow(
  { since, until }: { readonly since?: string; readonly until?: string },
  mistakes: InvalidPart[],
): Pick<AuditFilters, 'since' | 'until'> {
  const parse = (name: 'since' | 'until', text: string | undefined) => {
    if (text === undefined) return {}
    const at = new Date(text)
    // A leap second is a date-time for the schema, and none for the clock.
    if (Number.isNaN(at.getTime()))
      mistakes.push({ pointer: `query/${name}`, message: 'is not a time', code: 'format' })
    return { [name]: at }
  }
  return { ...parse('since', since), ...parse('until', until) }
}

function parseActor(actor: string, mistakes: InvalidPart[]): Pick<AuditFilters, 'actorId' | 'endUserId'> {
  if (actor === 'system') return { actorId: actor }
  const [keyId, endUserId] = [parseWireId('key', actor), parseWireId('eu', actor)]
  if (endUserId !== undefined) return { endUserId }
  if (keyId !== undefined) return { actorId: keyId }
  // The ids of users are stored as they are, and the auth library may have made them.
  if (!/^usr_[0-9a-zA-Z_-]{1,50}$/.test(actor))
    mistakes.push({ pointer: 'query/actor', message: 'must be a usr_…, key_… or eu_… id, or system', code: 'actor' })
  return { actorId: actor }
}

function parseAction(action: string): Pick<AuditFilters, 'action' | 'noun'> {
  const noun = /^(.*)\.\*$/.exec(action)?.[1]
  return noun === undefined ? { action } : { noun }
}

function parseApplication(text: string, mistakes: InvalidPart[]): Pick<AuditFilters, 'applicationId'> {
  const applicationId = parseWireId('app', text)
  if (applicationId !== undefined) return { applicationId }
  mistakes.push({ pointer: 'query/applicationId', message: 'must be the id of an application', code: 'id' })
  return {}
}
