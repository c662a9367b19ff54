/** How long after it was opened a session may make sensitive changes, such as how its user signs in. */
export const recentSignInSeconds = 600

/** A tenant. Every store function takes one, so an unscoped query does not type-check. Its ids are stored UUIDs. */
export interface OrgScope {
  readonly organizationId: string
}

/** An application. With an end-user, the request may see only what belongs to that end-user. */
export interface AppScope extends OrgScope {
  readonly applicationId: string
  readonly endUserId: string | null
}

export interface AnonymousCaller {
  readonly kind: 'anonymous'
}

/** A signed-in user with a cookie session. `userId` and `sessionId` are in wire form (usr_…, ses_…). */
export interface UserCaller {
  readonly kind: 'user'
  readonly userId: string
  readonly email: string
  /** Absent for a user who is named in the request but not signed in. */
  readonly sessionId?: string
  /** When the session was opened. */
  readonly signedInAt?: Date
}

/** An API key with its current permissions: its scopes, limited to its creator's current role. */
export interface KeyCaller {
  readonly kind: 'api-key'
  readonly keyId: string
  /** SHA-256 of the secret that was sent, in base64. A key has two secrets while a rotation's overlap lasts. */
  readonly secretHash: string
  /** When the secret stops working. */
  readonly expiresAt: Date | null
  readonly userId: string
  readonly organizationId: string
  readonly applicationId: string
  readonly permissions: ReadonlySet<string>
  readonly apiVersion: string | null
  /** The key's own limits in requests per minute, by class; the operator's numbers apply to the others. */
  readonly limits?: Readonly<Record<string, number | undefined>>
  /** Why the organization is suspended; null if it is not. */
  readonly suspensionReason: string | null
}

export type Caller = AnonymousCaller | UserCaller | KeyCaller

/** A member's role and permissions in an organization, and the API version that the organization is pinned to. */
export interface CallerMembership {
  readonly organizationId: string
  readonly role: string
  readonly permissions: ReadonlySet<string>
  readonly apiVersion: string | null
  /** Why the organization is suspended; null if it is not. */
  readonly suspensionReason: string | null
}

export interface Credentials {
  /** Created on demand, because most requests use an API key and need no headers. */
  readonly headers: () => Headers
  /** The secret of `Authorization: Bearer`, or of `?token=` where the endpoint allows it. */
  readonly bearer: string | undefined
}

/** How the HTTP layer identifies callers. The process passes it in, because platform code must not import features. */
export interface Access {
  /** The caller of the credentials. Throws `unauthorized` for a key or session that is present but invalid. */
  identify(credentials: Credentials): Promise<Caller>
  /** The user's membership, or undefined if they are not a member of the organization. */
  findMembership(userId: string, organizationId: string): Promise<CallerMembership | undefined>
  /** True for a user who administers the instance. */
  isAdministrator(userId: string): Promise<boolean>
  /** The organization of an application, or undefined. */
  findOrganizationOf(applicationId: string): Promise<string | undefined>
  /** True when the end-user belongs to the application. */
  hasEndUser(applicationId: string, endUserId: string): Promise<boolean>
}
