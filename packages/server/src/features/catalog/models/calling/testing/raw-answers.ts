import type { ModelServer, Scenario } from '@appstrate/model-server'
import type { ModelApi } from '../model-target.ts'
import type { StepAnswer } from '../step-message.ts'
import { step } from '../step.ts'
import { stepRequest, targetAt } from './model-calls.ts'

type Step = Extract<Scenario['steps'][number], { readonly raw?: unknown }>
/** A reply as a scenario describes it. */
export type RawReply = NonNullable<Step['raw']>

let played = 0

function registerReplies(server: ModelServer, raw: RawReply): string {
  played += 1
  const name = `raw-${played}`
  server.registerScenario(name, { steps: [{ raw }] })
  return name
}

/** Makes one call whose reply is written byte for byte. */
export function playRaw(server: ModelServer, api: ModelApi, raw: RawReply): Promise<StepAnswer> {
  return step(targetAt(server.url, registerReplies(server, raw), api), stepRequest())
}
