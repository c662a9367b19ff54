import type { Log } from '../../../../platform/log/log.ts'
import {
  connectionFailureOf,
  describeConnectionFailure,
  hiddenFailure,
  type ConnectionFailure,
} from './connection-failure.ts'
import { findBaseUrl, isSendableKey, keyHeaders, noBaseUrl, type ModelTarget } from './model-target.ts'
import { parseProviderError } from './reading/provider-error.ts'
import { cleanText } from './reading/provider-text.ts'

export type ConnectionTestError = 'AUTH_FAILED' | 'PROVIDER_ERROR' | ConnectionFailure

export type ConnectionTestResult =
  | { readonly ok: true; readonly latencyMs: number }
  | { readonly ok: false; readonly latencyMs: number; readonly error: ConnectionTestError; readonly message: string }

type TestFailure = { readonly error: ConnectionTestError; readonly message: string } | undefined

/**
 * Checks address and key by asking the provider for its list of models, which costs no tokens. Never throws. Logs why
 * a test of an internal address failed, which its result does not say.
 */
export async function testConnection(
  target: ModelTarget,
  { timeoutMs, log }: { readonly timeoutMs: number; readonly log: Pick<Log, 'warn'> },
): Promise<ConnectionTestResult> {
  const startedAt = performance.now()
  const { failure, isHidden } = await findFailure(target, timeoutMs)
  const latencyMs = Math.round(performance.now() - startedAt)
  if (failure === undefined) return { ok: true, latencyMs }
  if (!isHidden) return { ok: false, latencyMs, ...failure }
  log.warn({ ...failure }, 'The test of a model server at an internal address failed.')
  return { ok: false, latencyMs, error: 'PROVIDER_ERROR', message: hiddenFailure }
}

interface TestOutcome {
  readonly failure: TestFailure
  readonly isHidden: boolean
}

async function findFailure(target: ModelTarget, timeoutMs: number): Promise<TestOutcome> {
  const shown = (error: ConnectionTestError, message: string) => ({ failure: { error, message }, isHidden: false })
  const baseUrl = findBaseUrl(target)
  if (baseUrl === undefined) return shown('PROVIDER_ERROR', noBaseUrl)
  if (!isSendableKey(target))
    return shown('AUTH_FAILED', 'The API key is missing or contains characters that are not allowed.')
  let isHidden = false
  try {
    const response = await target.fetch(`${baseUrl}/models`, {
      method: 'GET',
      body: null,
      headers: new Headers({
        ...keyHeaders(target),
        ...(target.api === 'anthropic' ? { 'anthropic-version': '2023-06-01' } : {}),
      }),
      signal: AbortSignal.timeout(timeoutMs),
      onHidden: () => (isHidden = true),
    })
    return { failure: await findResponseFailure(response, target.apiKey), isHidden }
  } catch (error) {
    const isTimeout = error instanceof Error && error.name === 'TimeoutError'
    const failure = isTimeout ? 'TIMEOUT' : connectionFailureOf(error)
    const message = describeConnectionFailure(failure)
    return { failure: { error: failure, message }, isHidden }
  }
}

async function findResponseFailure(response: Response, secret: string): Promise<TestFailure> {
  const isJson = (response.headers.get('content-type') ?? '').includes('json')
  const said = response.status >= 400 ? await readStart(response) : ''
  await response.body?.cancel()
  if (!response.ok) return describeRefusal(response.status, said, secret)
  return isJson
    ? undefined
    : { error: 'PROVIDER_ERROR', message: 'The base URL responds, but not like a model provider.' }
}

function describeRefusal(status: number, said: string, secret: string): TestFailure {
  if (status === 401 || status === 403 || (status === 400 && /api[ _]key/i.test(said))) {
    return { error: 'AUTH_FAILED', message: `The provider refused the API key (status ${status}).` }
  }
  const text = cleanText(parseProviderError(said).message, secret)
  return {
    error: 'PROVIDER_ERROR',
    message: `The provider answered with status ${status}${text === '' ? '.' : `: ${text}`}`,
  }
}

const startBytesMax = 2_048

async function readStart({ body }: Response): Promise<string> {
  if (body === null) return ''
  const decoder = new TextDecoder()
  const chunks: AsyncIterable<Uint8Array> = body.values({ preventCancel: true })
  let text = ''
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length >= startBytesMax) break
  }
  return text
}
