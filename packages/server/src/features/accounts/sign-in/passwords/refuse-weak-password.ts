import { isWeakPassword, weakPasswordAdvice } from '../../../../platform/passwords/weak-password.ts'
import { problem } from '../../../../platform/problems/problem.ts'

/** Throws `weak-password`, also for a password made of the texts `about` the user. */
export async function refuseWeakPassword(password: string, about: readonly string[]): Promise<void> {
  if (await isWeakPassword(password, about)) throw problem('weak-password', { detail: `${weakPasswordAdvice}.` })
}
