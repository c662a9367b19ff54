import type { Tenant } from '../../../../testing/factories/tenant.ts'
import type { Answer } from '../../../../testing/request.ts'
import type { WorldOptions } from '../../../../testing/world.ts'
import { agentsFeature } from '../../../catalog/agents/index.ts'
import { webhooksFeature } from '../index.ts'

/** The features that tests of webhooks need. */
export const webhookWorld: WorldOptions = {
  features: [webhooksFeature, agentsFeature],
  environment: { ALLOW_PRIVATE_ADDRESSES: 'false' },
}

/** A valid body of POST /api/webhooks. */
export const goodWebhook = { url: 'https://hooks.example.com/appstrate', events: ['run.completed', 'run.failed'] }

/** Creates a webhook over the API; returns the reply's body, with the secret. */
export async function makeWebhook(
  tenant: Pick<Tenant, 'send'>,
  changes: Record<string, unknown> = {},
): Promise<Answer['body']> {
  const answer = await tenant.send('POST /api/webhooks', { body: { ...goodWebhook, ...changes } })
  if (answer.status !== 201) throw new Error(`The webhook was not created: ${answer.text}`)
  return answer.body
}

/** `<pointer> <code>` of every mistake in a validation-error. */
export function mistakesIn(answer: Answer): string[] {
  const errors: readonly { pointer: string; code: string }[] = answer.body.errors ?? []
  return errors.map(({ pointer, code }) => `${pointer} ${code}`)
}
