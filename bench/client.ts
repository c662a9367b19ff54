import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Server } from './server.ts'

const WithId = Type.Object({ id: Type.String() })

/** The headers of a call with the API key of the first run. */
export function keyHeaders({ credentials }: Server): Record<string, string> {
  return { authorization: `Bearer ${credentials.apiKey}`, 'x-app-id': credentials.appId }
}

/** Sends JSON, returns JSON. Throws unless the answer is a 2xx. */
export async function send(url: string, headers: Readonly<Record<string, string>>, body?: object): Promise<unknown> {
  const json = body === undefined ? {} : { 'content-type': 'application/json' }
  const response = await fetch(url, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...json, ...headers },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text)
}

async function createdId(url: string, headers: Readonly<Record<string, string>>, body: object): Promise<string> {
  return Value.Parse(WithId, await send(url, headers, body)).id
}

/** Creates an agent, on a model unless it is left out; returns its id. */
export async function createAgent(server: Server, name: string, modelId?: string): Promise<string> {
  const body = {
    name,
    displayName: `Agent ${name}`,
    description: 'Made for a measurement.',
    prompt: 'Say hello.',
    tools: ['log', 'output'],
  }
  return createdId(`${server.url}/api/agents`, keyHeaders(server), {
    ...body,
    ...(modelId === undefined ? {} : { modelId }),
  })
}

/** Gives the organization a model that plays a scenario of a scripted model server; returns its id. */
export async function createModel(server: Server, modelServerUrl: string, scenario: string): Promise<string> {
  const owner = await signIn(server)
  const providerKeyId = await createdId(`${server.url}/api/provider-keys`, owner, {
    label: `Scripted ${scenario}`,
    api: 'openai-compatible',
    baseUrl: `${modelServerUrl}/v1`,
    apiKey: 'none',
  })
  return createdId(`${server.url}/api/models`, owner, { label: scenario, modelId: scenario, providerKeyId })
}

const Organization = Type.Object({ id: Type.String() })
const Applications = Type.Object({ data: Type.Array(Type.Object({ id: Type.String() })) })
const WithKey = Type.Object({ key: Type.String() })

/** Creates another organization; returns the headers of a call with an API key of its application. */
export async function createOrganization(server: Server, name: string): Promise<Record<string, string>> {
  const { 'x-org-id': _first, ...owner } = await signIn(server)
  const { id } = Value.Parse(Organization, await send(`${server.url}/api/orgs`, owner, { name }))
  const member = { ...owner, 'x-org-id': id }
  const { data } = Value.Parse(Applications, await send(`${server.url}/api/applications`, member))
  const appId = data[0]?.id ?? ''
  const key = { name: 'Benchmark', scopes: ['agents:read'] }
  const created = await send(`${server.url}/api/api-keys`, { ...member, 'x-app-id': appId }, key)
  return { authorization: `Bearer ${Value.Parse(WithKey, created).key}`, 'x-app-id': appId }
}

async function signIn({ url, credentials }: Server): Promise<Record<string, string>> {
  const { email, password, orgId, url: origin } = credentials
  const response = await fetch(`${url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ email, password }),
  })
  if (!response.ok) throw new Error(`The sign-in answered ${response.status}: ${await response.text()}`)
  const cookie = response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  return { cookie, 'x-org-id': orgId, origin }
}
