import type { Call } from '../../../platform/http/endpoint.ts'
import type { TProperties, TSchema } from 'typebox'
import { recordSecurityEvent } from '../security-log/index.ts'

type UserCall = Call<'user', string, TProperties, TSchema>

/** Adds the end of other sessions to the user's security log. Call it after the commit. */
export async function reportRevocation({
  caller,
  platform: { db },
  log,
  request,
  requestId,
}: Pick<UserCall, 'caller' | 'platform' | 'log' | 'request' | 'requestId'>): Promise<void> {
  await recordSecurityEvent(
    { db, log, mailer: undefined },
    {
      userId: caller.userId,
      action: 'session.revoked',
      addresses: [],
      request: { ip: request.ip, userAgent: request.headers['user-agent'] ?? null, requestId },
    },
  )
}
