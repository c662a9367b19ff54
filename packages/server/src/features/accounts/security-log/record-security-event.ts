import { timeOfEntry } from '../../../platform/audit/entry-time.ts'
import { newUuid } from '../../../platform/ids/id.ts'
import type { Mailer } from '../../../platform/mail/mailer.ts'
import type { Platform } from '../../../platform/platform.ts'
import {
  boundedEvent,
  securityActions,
  type EventRequest,
  type SecurityAction,
  type SecurityEvent,
} from './security-event.ts'
import { insertSecurityEvent } from './security-event-store.ts'

/** What recording uses of the platform. */
export interface Recorder extends Pick<Platform, 'db' | 'log'> {
  /** Undefined without a mail server. */
  readonly mailer: Mailer | undefined
}

export interface NewSecurityEvent {
  readonly userId: string
  readonly action: SecurityAction
  readonly detail?: string | undefined
  /** Where the mail about it goes; the user's address, and their former one if it changed. */
  readonly addresses: readonly string[]
  readonly request: EventRequest
}

/**
 * Writes an event to the user's security log, and mails it if it is one that an owner must know about. Call it after
 * the commit of the change. Never rejects: a failure is logged, and the change that it reports stays.
 */
export async function recordSecurityEvent(
  { db, log, mailer }: Recorder,
  { addresses, request, detail, ...fields }: NewSecurityEvent,
): Promise<void> {
  const event = boundedEvent({ ...fields, ...request, id: newUuid(), detail: detail ?? null })
  const subject = securityActions[event.action]
  if (subject !== null) for (const to of new Set(addresses)) mailer?.post({ to, ...securityMail(event, subject) })
  try {
    await insertSecurityEvent(db, event)
  } catch (error) {
    const { action, userId, requestId } = event
    log.error({ err: error, action, userId, requestId }, 'A security event could not be stored.')
  }
}

function securityMail(event: SecurityEvent, subject: string) {
  const at = timeOfEntry(event.id).toISOString().slice(0, 19).replace('T', ' ')
  const advice =
    event.action === 'sign-in.locked'
      ? 'You can still sign in with a passkey, or with a new password: request a password reset. ' +
        'If these attempts were not yours, you need not do anything else.'
      : 'If it was you, you need not do anything. If it was not you, request a password reset, which ends all ' +
        'sessions. Then check your e-mail address, passkeys, codes, linked accounts and API keys.'
  const lines = [
    `${subject}.`,
    '',
    ...(event.detail === null ? [] : [`Details: ${event.detail}`]),
    `Time: ${at} UTC`,
    `IP address: ${event.ip ?? 'unknown'}`,
    `Browser: ${event.userAgent ?? 'unknown'}`,
    '',
    advice,
    '',
  ]
  return { subject, text: lines.join('\n') }
}
