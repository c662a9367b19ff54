/** A tenant: every store function takes one, so an unscoped query does not type-check. All ids here are stored UUIDs. */
export interface OrgScope {
  readonly organizationId: string
}

/** An application, and the end-user whose things alone may be seen, when the request is made on behalf of one. */
export interface AppScope extends OrgScope {
  readonly applicationId: string
  readonly endUserId: string | null
}

export interface AnonymousCaller {
  readonly kind: 'anonymous'
}

/** Somebody signed in: a cookie session. `userId` and `sessionId` are in wire form (usr_…, ses_…). */
export interface UserCaller {
  readonly kind: 'user'
  readonly userId: string
  readonly email: string
  /** Absent for somebody who is named in the request and not signed in. */
  readonly sessionId?: string
}

/** An API key, with the rights that it has now: its scopes within its creator's current role. */
export interface KeyCaller {
  readonly kind: 'api-key'
  readonly keyId: string
  readonly userId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly permissions: ReadonlySet<string>
  readonly apiVersion: string | null
}

export type Caller = AnonymousCaller | UserCaller | KeyCaller

/** What a member may do in an organization, and the API version that it is pinned to. */
export interface Membership {
  readonly organizationId: string
  readonly role: string
  readonly permissions: ReadonlySet<string>
  readonly apiVersion: string | null
}

export interface Credentials {
  /** Made when it is asked for: most requests carry a key and need none. */
  readonly headers: () => Headers
  /** The secret of `Authorization: Bearer`, or of `?token=` where the endpoint allows it. */
  readonly bearer: string | undefined
}

/** How the HTTP layer learns who calls; handed in by the process, because platform code knows no features. */
export interface Access {
  /** Who the credentials belong to. Throws `unauthorized` for a key or session that is given but not valid. */
  identify(credentials: Credentials): Promise<Caller>
  /** The user's membership, or undefined when the organization does not exist for them. */
  findMembership(userId: string, organizationId: string): Promise<Membership | undefined>
  /** The organization of an application, or undefined. */
  findOrganizationOf(applicationId: string): Promise<string | undefined>
  /** True when the end-user belongs to the application. */
  hasEndUser(applicationId: string, endUserId: string): Promise<boolean>
}
