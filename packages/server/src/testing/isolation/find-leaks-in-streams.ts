import { setTimeout as sleep } from 'node:timers/promises'
import type { Operation } from '../../platform/http/api.ts'
import { requester } from '../request.ts'
import type { World } from '../world.ts'
import { planAttempts, type Attacker, type LeakAttempt } from './attempt.ts'
import type { FilledTenant } from './fill-tenant.ts'
import { judge } from './find-leaks.ts'

interface Hunt {
  readonly world: World
  readonly operations: readonly Operation[]
  readonly attackers: readonly Attacker[]
  readonly victim: FilledTenant
}

/** How long the streams are read after the victim's run has ended. */
const readOnMs = 300

/** Opens every stream as every attacker, executes a run of the victim, and returns the leaks. */
export async function huntLeaksInStreams({ world, operations, attackers, victim }: Hunt): Promise<string[]> {
  const todo = attackers.flatMap((attacker) =>
    operations.flatMap((operation) => planAttempts(operation, attacker).map((attempt) => ({ attacker, attempt }))),
  )
  const opened = await Promise.all(
    todo.map(async ({ attacker, attempt }) => ({ attacker, attempt, stream: await listen(world.url, attempt) })),
  )
  await work(world, victim)
  await sleep(readOnMs)
  return opened.flatMap(({ attacker, attempt, stream }) => {
    const { status, headers, text } = stream.close()
    return judge({ attacker, attempt, answer: { status, headers, body: text, text } }, { takesForeignBody: new Set() })
  })
}

/** Executes a run of the victim's first end-user, with the mark in all of its content. */
async function work({ url }: World, { tenant, marks, made, endUsers }: FilledTenant): Promise<void> {
  const send = requester(url, {
    authorization: `Bearer ${tenant.apiKey}`,
    'x-app-id': tenant.appId,
    'appstrate-user': endUsers[0],
  })
  const body = {
    agentId: made.ids.get('agent')?.[0],
    input: { note: marks.endUser },
    metadata: { note: marks.endUser },
  }
  const answer = await send('POST /api/runs', { body, headers: { prefer: 'wait=30' } })
  if (answer.status !== 200) throw new Error(`The victim's run did not end: ${answer.text}`)
}

async function listen(url: string, { route, query, headers }: LeakAttempt) {
  const target = new URL(route.split(' ')[1] ?? '', url)
  for (const [name, value] of Object.entries(query ?? {})) target.searchParams.set(name, String(value))
  const abort = new AbortController()
  const response = await fetch(target, { headers: { ...headers }, signal: abort.signal })
  let text = ''
  const decoder = new TextDecoder()
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
  })().catch(() => undefined)
  return {
    close() {
      abort.abort()
      void reading
      return { status: response.status, headers: response.headers, text }
    },
  }
}
