import type { TProperties, TSchema } from 'typebox'
import type { Call } from '../../../platform/http/endpoint.ts'
import { mailer } from '../../../platform/mail/mailer.ts'
import { recordSecurityEvent, type SecurityAction } from '../../accounts/security-log/index.ts'
import type { InstanceUser } from './instance-user-store.ts'

type AdministratorCall = Call<'administrator', string, TProperties, TSchema>

/** Adds what an administrator did to the user's security log. Call it after the commit. */
export async function reportToUser(
  { platform: { db, use }, log, requestId }: Pick<AdministratorCall, 'platform' | 'log' | 'requestId'>,
  { user, action, detail }: { readonly user: InstanceUser; readonly action: SecurityAction; readonly detail?: string },
): Promise<void> {
  await recordSecurityEvent(
    { db, log, mailer: use(mailer) },
    {
      userId: user.id,
      action,
      detail,
      addresses: [user.email],
      // The IP address and the browser are the administrator's own.
      request: { ip: null, userAgent: null, requestId },
    },
  )
}
