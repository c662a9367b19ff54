import type { FastifyRequest } from 'fastify'
import { parseWireId } from '../ids/id.ts'
import {
  recentSignInSeconds,
  type Access,
  type AppScope,
  type Caller,
  type CallerMembership,
  type KeyCaller,
  type OrgScope,
  type UserCaller,
} from '../access/caller.ts'
import type { CallerKind } from './endpoint.ts'
import { problem, type Problem } from '../problems/problem.ts'

/** The tenant of a request, and the caller's permissions in it. */
export interface Authorization {
  readonly scope: OrgScope | AppScope | undefined
  readonly permissions: ReadonlySet<string>
  /** The organization's version pin. */
  readonly apiVersion: string | null
  /** The end-user on whose behalf the request is made, with their application; undefined for other requests. */
  readonly actingAs?: AppScope
}

/** The ids in a request: from headers, from the query of a stream, or from the path. All in wire form. */
export interface Named {
  readonly orgId: string | undefined
  readonly appId: string | undefined
  readonly endUserId: string | undefined
}

const unscoped: Authorization = { scope: undefined, permissions: new Set(), apiVersion: null }

/** Reads the ids in a request. */
export function readNamed(request: FastifyRequest, kind: CallerKind): Named {
  const header = (name: string) => firstOf(request.headers[name])
  const query = (name: string) => (kind === 'stream' ? firstOf(valueOf(request.query, name)) : undefined)
  return {
    orgId: kind === 'member' ? firstOf(valueOf(request.params, 'orgId')) : (header('x-org-id') ?? query('orgId')),
    appId: header('x-app-id') ?? query('appId'),
    // An empty header is refused later: it must not silently widen a request to the whole application.
    endUserId: request.headers['appstrate-user'] === '' ? '' : (header('appstrate-user') ?? query('endUser')),
  }
}

/** Who calls, and what for. */
interface Asked {
  readonly caller: Caller
  readonly named: Named
  readonly isChange: boolean
  readonly now: Date
}

/** Finds the scope of a call. Throws the problems of the contract's "Scoping"; an invisible tenant is 404. */
export async function authorize(access: Access, kind: CallerKind, asked: Asked): Promise<Authorization> {
  const { caller, named } = asked
  if (kind === 'anyone') return unscoped
  if (caller.kind === 'anonymous') {
    throw problem('unauthorized', { detail: 'Sign in, or send an API key as `Authorization: Bearer ask_…`.' })
  }
  if (named.endUserId !== undefined && caller.kind === 'user') {
    throw problem('header-not-allowed', {
      detail: 'Appstrate-User is for API keys only: remove it from requests with a session.',
    })
  }
  if (kind === 'user' || kind === 'administrator') return outsideOfTenants(access, kind, { ...asked, caller })
  const inOrganization = kind === 'member' || kind === 'organization'
  if (caller.kind === 'api-key')
    return inOrganization
      ? actingInOrganization(access, caller, { kind, named })
      : applicationOfKey(access, caller, { kind, named })
  return inOrganization ? organizationOfUser(access, caller, named.orgId) : applicationOfUser(access, caller, named)
}

async function outsideOfTenants(
  access: Access,
  kind: 'user' | 'administrator',
  asked: Asked & { readonly caller: UserCaller | KeyCaller },
): Promise<Authorization> {
  const { caller } = asked
  if (caller.kind !== 'user')
    throw problem('session-required', { detail: 'An API key cannot do this: sign in as a user.' })
  if (kind === 'administrator') await requireAdministrator(access, caller, asked)
  return unscoped
}

async function requireAdministrator(
  access: Access,
  { userId, signedInAt }: UserCaller,
  { isChange, now }: Pick<Asked, 'isChange' | 'now'>,
): Promise<void> {
  if (!(await access.isAdministrator(userId)))
    throw problem('administrator-required', { detail: 'Only an administrator of this instance can do this.' })
  const ageMs = signedInAt === undefined ? Infinity : now.getTime() - signedInAt.getTime()
  // A copied session cookie alone must not be enough to change the instance.
  if (isChange && ageMs >= recentSignInSeconds * 1000)
    throw problem('reauthentication-required', {
      detail: `This change needs a sign-in within the last ${recentSignInSeconds / 60} minutes: sign in again.`,
    })
}

function organizationOfKey(caller: KeyCaller, kind: CallerKind, named: Named): Authorization {
  if (named.orgId !== undefined && parseWireId('org', named.orgId) !== caller.organizationId) {
    if (kind === 'member') throw problem('org-not-found')
    throw problem('org-mismatch', { detail: 'X-Org-Id names another organization than the API key: omit it.' })
  }
  refuseSuspended(caller)
  return {
    scope: { organizationId: caller.organizationId },
    permissions: caller.permissions,
    apiVersion: caller.apiVersion,
  }
}

// Organization endpoints are not limited to an end-user, but the end-user is still checked and recorded.
async function actingInOrganization(
  access: Access,
  caller: KeyCaller,
  { kind, named }: { kind: CallerKind; named: Named },
): Promise<Authorization> {
  const organization = organizationOfKey(caller, kind, named)
  const endUserId = await findEndUser(access, caller.applicationId, named.endUserId)
  return endUserId === null
    ? organization
    : {
        ...organization,
        actingAs: { organizationId: caller.organizationId, applicationId: caller.applicationId, endUserId },
      }
}

async function applicationOfKey(
  access: Access,
  caller: KeyCaller,
  { kind, named }: { kind: CallerKind; named: Named },
): Promise<Authorization> {
  const organization = organizationOfKey(caller, kind, named)
  if (named.appId === undefined && kind !== 'stream') throw missingAppId()
  if (named.appId !== undefined && parseWireId('app', named.appId) !== caller.applicationId) {
    throw problem('app-mismatch', {
      detail: 'X-App-Id names another application than the one this API key belongs to.',
    })
  }
  const endUserId = await findEndUser(access, caller.applicationId, named.endUserId)
  const scope = { organizationId: caller.organizationId, applicationId: caller.applicationId, endUserId }
  return { ...organization, scope, ...(endUserId === null ? {} : { actingAs: scope }) }
}

async function organizationOfUser(
  access: Access,
  caller: UserCaller,
  orgId: string | undefined,
): Promise<Authorization> {
  if (orgId === undefined) throw problem('missing-org-id', { detail: 'Send the organization as `X-Org-Id: org_…`.' })
  const organizationId = parseWireId('org', orgId)
  const membership =
    organizationId === undefined ? undefined : await access.findMembership(caller.userId, organizationId)
  if (membership === undefined) throw problem('org-not-found')
  refuseSuspended(membership)
  return {
    scope: { organizationId: membership.organizationId },
    permissions: membership.permissions,
    apiVersion: membership.apiVersion,
  }
}

async function applicationOfUser(access: Access, caller: UserCaller, named: Named): Promise<Authorization> {
  if (named.appId === undefined) throw missingAppId()
  const applicationId = parseWireId('app', named.appId)
  const organizationId = applicationId === undefined ? undefined : await access.findOrganizationOf(applicationId)
  const matches = named.orgId === undefined || parseWireId('org', named.orgId) === organizationId
  const membership =
    organizationId !== undefined && matches ? await access.findMembership(caller.userId, organizationId) : undefined
  if (applicationId === undefined || membership === undefined) throw problem('app-not-found')
  refuseSuspended(membership)
  return {
    scope: { organizationId: membership.organizationId, applicationId, endUserId: null },
    permissions: membership.permissions,
    apiVersion: membership.apiVersion,
  }
}

async function findEndUser(access: Access, applicationId: string, wireId: string | undefined): Promise<string | null> {
  if (wireId === undefined) return null
  const endUserId = parseWireId('eu', wireId)
  if (endUserId === undefined)
    throw problem('invalid-end-user-id', { detail: 'Appstrate-User must be an end-user id such as eu_….' })
  if (await access.hasEndUser(applicationId, endUserId)) return endUserId
  throw problem('invalid-end-user', { detail: "The end-user does not exist in the API key's application." })
}

function refuseSuspended({ suspensionReason }: Pick<CallerMembership, 'suspensionReason'>): void {
  if (suspensionReason !== null) throw organizationSuspended(suspensionReason)
}

/** The refusal of everything in a suspended organization. */
export function organizationSuspended(reason: string): Problem {
  return problem('organization-suspended', {
    detail: `The organization is suspended: ${reason.replace(/[.\s]+$/, '')}. Ask an administrator of this instance.`,
    extensions: { reason },
  })
}

function missingAppId() {
  return problem('missing-app-id', { detail: 'Send the application as `X-App-Id: app_…`.' })
}

function firstOf(value: unknown): string | undefined {
  const first: unknown = Array.isArray(value) ? value[0] : value
  return typeof first === 'string' && first !== '' ? first : undefined
}

function valueOf(record: unknown, name: string): unknown {
  return typeof record === 'object' && record !== null
    ? Object.entries(record).find(([key]) => key === name)?.[1]
    : undefined
}
