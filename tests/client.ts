import { EventSource } from 'eventsource'
import type { FirstRun } from './server-process.ts'

/** The type of a reply's JSON. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests read any field of it
export type Body = any

export const terminalStatuses: readonly string[] = ['success', 'failed', 'timeout', 'cancelled']

export interface Client {
  send(
    route: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; body: Body }>
  upload(name: string, content: string): Promise<string>
  /** Waits until the run has ended, and returns it. */
  ended(runId: string, deadlineMs?: number): Promise<Body>
  logs(runId: string): Promise<Body[]>
}

/** A client with the API key of the instance's first run. */
export function createClient(url: string, { apiKey, appId }: Pick<FirstRun, 'apiKey' | 'appId'>): Client {
  const credentials = { authorization: `Bearer ${apiKey}`, 'x-app-id': appId }
  const send: Client['send'] = async (route, body, headers = {}) => {
    const [method = 'GET', path = '/'] = route.split(' ')
    const json = body === undefined ? {} : { 'content-type': 'application/json' }
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { ...credentials, ...json, ...headers },
      body: body === undefined ? null : JSON.stringify(body),
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, body: text.startsWith('{') ? JSON.parse(text) : text }
  }
  return {
    send,
    async upload(name, content) {
      const form = new FormData()
      form.set('file', new Blob([content], { type: 'text/csv' }), name)
      const response = await fetch(`${url}/api/files`, { method: 'POST', headers: credentials, body: form })
      const body: Body = await response.json()
      if (response.status !== 201) throw new Error(JSON.stringify(body))
      return body.id
    },
    async ended(runId, deadlineMs = 120_000) {
      const deadline = Date.now() + deadlineMs
      for (;;) {
        const answer = await send(`GET /api/runs/${runId}`).catch(() => undefined)
        if (answer !== undefined && terminalStatuses.includes(answer.body.status)) return answer.body
        if (Date.now() > deadline) throw new Error(`Run ${runId} did not end in time: ${JSON.stringify(answer?.body)}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    },
    logs: async (runId) => (await send(`GET /api/runs/${runId}/logs?pageSize=100`)).body.data,
  }
}

export interface Followed {
  readonly events: { id: string; type: string; data: Body }[]
  /** Resolves when the stream has reported the end of the run. */
  readonly done: Promise<void>
  close(): void
}

/** Follows a run with an EventSource, which reconnects automatically with Last-Event-ID. */
export function follow(url: string, runId: string, apiKey: string): Followed {
  const events: Followed['events'] = []
  const source = new EventSource(`${url}/api/realtime/runs/${runId}?token=${apiKey}`)
  const done = new Promise<void>((resolve) => {
    for (const type of ['run_update', 'run_log']) {
      source.addEventListener(type, (event) => {
        const data: Body = JSON.parse(event.data)
        events.push({ id: event.lastEventId, type, data })
        if (type === 'run_update' && terminalStatuses.includes(data.status)) resolve()
      })
    }
  })
  return { events, done, close: () => source.close() }
}
