import type { Operation } from '../../platform/http/api.ts'
import { requester, type Answer } from '../request.ts'
import { planAttempts, type Attacker, type LeakAttempt } from './attempt.ts'

/** Exceptions: results that would be a leak in other operations. */
export interface Tolerance {
  /** Operations that answer 2xx to a foreign id in the body, because they do not look it up. */
  readonly takesForeignBody: ReadonlySet<string>
  /** Operations that answer 200 with the same page to every path. */
  readonly answersAnyPath?: ReadonlySet<string>
}

interface Hunt {
  readonly url: string
  readonly operations: readonly Operation[]
  readonly attackers: readonly Attacker[]
  readonly tolerance: Tolerance
}

export interface Hunted {
  /** One line per leak. */
  readonly leaks: readonly string[]
  readonly attempts: number
}

const requestsAtOnce = 16

/** Makes all attempts of every attacker on every operation except streams, and returns the leaks. */
export async function huntLeaks({ url, operations, attackers, tolerance }: Hunt): Promise<Hunted> {
  const todo = attackers.flatMap((attacker) =>
    operations.flatMap((operation) => planAttempts(operation, attacker).map((attempt) => ({ attacker, attempt }))),
  )
  const send = requester(url, {})
  const leaks: string[] = []
  const next = todo.values()
  const worker = async () => {
    for (const { attacker, attempt } of next) {
      const answer = await send(attempt.route, attempt)
      leaks.push(...judge({ attacker, attempt, answer }, tolerance))
    }
  }
  await Promise.all(Array.from({ length: requestsAtOnce }, worker))
  return { leaks: [...new Set(leaks)], attempts: todo.length }
}

interface Tried {
  readonly attacker: Attacker
  readonly attempt: LeakAttempt
  readonly answer: Answer
}

/** The leaks in one answer, one line each. */
export function judge(tried: Tried, tolerance: Tolerance): string[] {
  const { attempt, attacker } = tried
  const complaints = [...findSecrets(tried), ...judgeStatus(tried, tolerance)]
  return complaints.map(
    (complaint) =>
      `${attempt.operation.id} as ${attacker.name}, foreign ${attempt.foreign}: ${complaint}\n    ${describe(tried)}`,
  )
}

function findSecrets({ attacker, attempt, answer }: Tried): string[] {
  const said = `${answer.text}\n${JSON.stringify([...answer.headers])}`
  const sent = sentText(attempt)
  const seen = attacker.secrets.filter((secret) => said.includes(secret) && !sent.includes(secret))
  return seen.length === 0 ? [] : [`the answer shows ${seen.slice(0, 3).join(', ')}`]
}

function judgeStatus({ attempt, answer }: Tried, tolerance: Tolerance): string[] {
  const { foreign, operation } = attempt
  const isDone = answer.status < 400
  if (answer.status >= 500) return ['the server failed']
  if (foreign === 'path') return judgePath(answer.status, tolerance.answersAnyPath?.has(operation.id) === true)
  if (foreign === 'headers') return isDone ? ['the request succeeded in a foreign scope'] : []
  const isTaken = foreign === 'body' && isDone && !tolerance.takesForeignBody.has(operation.id)
  return isTaken ? ['a foreign id in the body was accepted'] : []
}

function judgePath(status: number, answersAnyPath: boolean): string[] {
  if (status < 400) return answersAnyPath ? [] : ['the request succeeded']
  // 403 is for callers without the permission. Any other status means that the resource was not looked up.
  return [404, 403].includes(status)
    ? []
    : ['neither 404 nor 403: the request was not valid enough (add an example to testing/isolation/examples.ts)']
}

function describe({ attempt, answer }: Tried): string {
  const request = `${attempt.route}${JSON.stringify(attempt.query ?? {})} ${JSON.stringify(attempt.body ?? null)}`
  return `${request} -> ${answer.status} ${answer.text.slice(0, 300)}`
}

/** The full text of the request, so that an echo does not count as a leak. */
function sentText({ route, query, body, headers }: LeakAttempt): string {
  return decodeURIComponent(
    `${route} ${JSON.stringify(query ?? {})} ${JSON.stringify(body ?? null)} ${JSON.stringify(headers)}`.replaceAll(
      /%(?![0-9A-F]{2})/gi,
      '%25',
    ),
  )
}
