import type { Body } from './client.ts'
import type { FirstRun } from './server-process.ts'

/** Waits until a condition holds; fails after a minute. */
export async function until(look: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await look().catch(() => false))) {
    if (Date.now() > deadline) throw new Error('The condition did not hold in time.')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Signs the owner in; returns the headers of their session. */
export async function signIn(url: string, { email, password, orgId }: FirstRun): Promise<Record<string, string>> {
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: url },
    body: JSON.stringify({ email, password }),
  })
  if (!response.ok) throw new Error(await response.text())
  const cookie = response.headers
    .getSetCookie()
    .map((value) => value.split(';')[0])
    .join('; ')
  return { cookie, origin: url, 'x-org-id': orgId }
}

/** Adds a provider key and a model as the owner; returns the model's id. */
export async function connectModel(
  url: string,
  firstRun: FirstRun,
  model: { baseUrl: string; modelId: string },
): Promise<string> {
  const session = await signIn(url, firstRun)
  const post = async (path: string, body: unknown): Promise<Body> => {
    const response = await fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...session, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const answer: Body = await response.json()
    if (response.status !== 201) throw new Error(JSON.stringify(answer))
    return answer
  }
  const key = await post('/api/provider-keys', {
    label: 'Test',
    api: 'openai-compatible',
    baseUrl: model.baseUrl,
    apiKey: 'sk-not-a-real-key',
  })
  const created = await post('/api/models', { label: 'Test', providerKeyId: key.id, modelId: model.modelId })
  return created.id
}
