import { Type, type Static } from 'typebox'
import type { InvalidPart } from '../../../platform/problems/problem.ts'
import { refuseInvalid } from '../../../platform/http/validation.ts'
import { WireId } from '../../../platform/http/wire.ts'
import { parseWireId } from '../../../platform/ids/id.ts'

/** Filters for audit entries, with ids in their stored form. */
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
  /** Written before this time. */
  readonly until?: Date
}

const time = (description: string) => Type.Optional(Type.String({ format: 'date-time', maxLength: 40, description }))

export const windowQuery = {
  since: time('Only entries written at this time or later.'),
  until: time('Only entries written before this time.'),
}

export const filterQuery = {
  ...windowQuery,
  actor: Type.Optional(
    Type.String({
      maxLength: 60,
      description:
        'Only entries of this actor: a user (`usr_…`), an API key (`key_…`), `system`, ' +
        'or the end-user (`eu_…`) on whose behalf the key acted.',
    }),
  ),
  action: Type.Optional(
    Type.String({
      maxLength: 100,
      pattern: '^[a-z0-9-]+\\.([a-z0-9-]+|\\*)$',
      examples: ['agent.updated', 'agent.*'],
      description: 'Only this action, or all actions of a noun: `agent.*`.',
    }),
  ),
  resourceId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 300, description: 'Only entries of this resource, such as `agent_…`.' }),
  ),
  applicationId: Type.Optional(WireId('app')),
}

type FilterQuery = Static<ReturnType<typeof Type.Object<typeof filterQuery>>>

/** The filters of a validated query. Throws validation-error for an invalid id or time. */
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

/** `since` and `until` of a validated query. Adds a mistake for a time that does not exist. */
export function parseWindow(
  { since, until }: { readonly since?: string; readonly until?: string },
  mistakes: InvalidPart[],
): Pick<AuditFilters, 'since' | 'until'> {
  const parse = (name: 'since' | 'until', text: string | undefined) => {
    if (text === undefined) return {}
    const at = new Date(text)
    // The schema accepts a leap second as a date-time, but Date cannot parse it.
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
  // User ids are stored in wire form, and the auth library may have generated them.
  if (!/^usr_[0-9a-zA-Z_-]{1,50}$/.test(actor))
    mistakes.push({ pointer: 'query/actor', message: 'must be usr_…, key_…, eu_… or system', code: 'actor' })
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
