import { createEgress } from '../../../../../platform/egress/egress.ts'
import { createLog } from '../../../../../platform/log/log.ts'
import { localPolicy } from '../../../../../platform/egress/testing/policies.ts'
import type { ModelTarget } from '../model-target.ts'
import { ModelCallError } from '../model-call-error.ts'
import type { StepRequest } from '../step.ts'
import type { StepMessage, ToolSpec } from '../step-message.ts'

export const testKey = 'sk-test-5f1c9b7e2d'

/** A port without a listener; no test server is ever assigned this port. */
export const nobodyAt = 'http://127.0.0.1:2'

/** A host name that fails without a DNS query: its first label is too long. */
export const noHost = `http://${'x'.repeat(64)}.test`

/** For tests that do not read what is logged. */
export const silentLog = createLog('silent')

/** A tool like those of agents. */
export const outputTool: ToolSpec = {
  name: 'output',
  description: 'Returns the result.',
  parameters: { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] },
}

export const greeting: readonly StepMessage[] = [
  { role: 'system', text: 'You are an agent.' },
  { role: 'user', text: 'Say hello.' },
]

const { fetch } = createEgress({ policy: localPolicy })

/** A target on a test server; `url` is its origin. */
export function targetAt(url: string, modelId: string, api: ModelTarget['api'] = 'openai-compatible'): ModelTarget {
  return { api, baseUrl: `${url}${api === 'google' ? '/v1beta' : '/v1'}`, modelId, apiKey: testKey, fetch }
}

/** A request with limits that no test reaches by accident. */
export function stepRequest(over: Partial<StepRequest> = {}): StepRequest {
  return {
    messages: greeting,
    tools: [outputTool],
    signal: new AbortController().signal,
    idleTimeoutMs: 10_000,
    totalTimeoutMs: 10_000,
    textBytesMax: 1_000_000,
    ...over,
  }
}

/** The error of a call that must fail. */
export async function failureOfCall(call: Promise<unknown>): Promise<ModelCallError> {
  const outcome: unknown = await call.then(
    (answer) => new Error(`The call did not fail: ${JSON.stringify(answer)}`),
    (error: unknown) => error,
  )
  if (outcome instanceof ModelCallError) return outcome
  throw outcome
}
