/** What can happen to an account, with the sentence of the mail about it; null where no mail is sent. */
export const securityActions = {
  'account.created': null,
  'session.created': null,
  'session.ended': null,
  'session.revoked': null,
  'sign-in.failed': null,
  'sign-in.locked': 'Sign-in with your password is delayed after many wrong passwords',
  'email.changed': 'Your e-mail address was changed',
  'password.changed': 'Your password was changed',
  'password.reset': 'Your password was reset',
  'codes.enabled': 'Sign-in codes were enabled',
  'codes.disabled': 'Sign-in codes were disabled',
  'codes.replaced': 'Your backup codes were replaced',
  'passkey.added': 'A passkey was added',
  'passkey.deleted': 'A passkey was deleted',
  'account.suspended': null,
  'account.resumed': null,
  'administrator.granted': 'You became an administrator of the instance',
  'administrator.revoked': 'You are no longer an administrator of the instance',
  'provider.linked': 'Another way to sign in was linked',
  'provider.unlinked': 'A way to sign in was unlinked',
  'api-key.created': 'An API key of yours was created',
  'api-key.rotated': 'An API key of yours was rotated',
} as const satisfies Record<string, string | null>

export type SecurityAction = keyof typeof securityActions

/** The request that caused an event. */
export interface EventRequest {
  readonly ip: string | null
  readonly userAgent: string | null
  readonly requestId: string | null
}

export interface SecurityEvent extends EventRequest {
  /** The stored UUIDv7, which contains the time. */
  readonly id: string
  readonly userId: string
  readonly action: SecurityAction
  /** A method, an address or a name, depending on the action. Never a secret. */
  readonly detail: string | null
}

const detailCharactersMax = 400
const userAgentCharactersMax = 300
const ipCharactersMax = 64

/** Cuts what a client may have chosen to a bounded length, on one line. */
export function boundedEvent(event: SecurityEvent): SecurityEvent {
  return {
    ...event,
    detail: cut(event.detail, detailCharactersMax),
    ip: cut(event.ip, ipCharactersMax),
    userAgent: cut(event.userAgent, userAgentCharactersMax),
  }
}

function cut(text: string | null, charactersMax: number): string | null {
  return text === null ? null : text.replaceAll(/[\s\p{C}]+/gu, ' ').slice(0, charactersMax)
}

/** Whether a stored text is an action; older versions may have written others. */
export function isSecurityAction(text: string): text is SecurityAction {
  return Object.hasOwn(securityActions, text)
}
