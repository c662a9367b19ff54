import { grantByCommand, revokeByCommand } from '../features/accounts/administrators/index.ts'
import { boot, explain, giveUp } from './boot.ts'

const usage = 'Usage: npm run admin -- grant|revoke <e-mail address>'

// Works on the database of the configuration, so whoever may run it is the operator.
const [action, email, ...rest] = process.argv.slice(2)
if ((action !== 'grant' && action !== 'revoke') || email === undefined || rest.length > 0) giveUp([usage])
const { close, platform } = await boot()
try {
  console.log(
    action === 'grant'
      ? (await grantByCommand(platform.db, email))
        ? `${email} is now an administrator of this instance.`
        : `${email} is already an administrator of this instance.`
      : (await revokeByCommand(platform.db, email))
        ? `${email} is no longer an administrator of this instance.`
        : `${email} is not an administrator of this instance.`,
  )
} catch (error) {
  await close()
  giveUp(explain(error))
}
await close()
