import type { AnyCall } from '../../../platform/http/endpoint.ts'
import { mailer } from '../../../platform/mail/mailer.ts'
import { recordSecurityEvent, type SecurityAction } from '../security-log/index.ts'
import { findUser } from '../sign-in/index.ts'

/** Reports a change of a key to the security log and the mailbox of its owner. Call it after the commit. */
export async function reportKey(
  { platform, log, request, requestId }: Pick<AnyCall, 'platform' | 'log' | 'request' | 'requestId'>,
  { userId, action, name }: { readonly userId: string; readonly action: SecurityAction; readonly name: string },
): Promise<void> {
  const { db } = platform
  const user = await findUser(db, userId)
  await recordSecurityEvent(
    { db, log, mailer: platform.use(mailer) },
    {
      userId,
      action,
      detail: name,
      addresses: user === undefined ? [] : [user.email],
      request: { ip: request.ip, userAgent: request.headers['user-agent'] ?? null, requestId },
    },
  )
}
