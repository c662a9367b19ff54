import type { Operation } from '../../platform/http/api.ts'
import { requester, type Answer } from '../request.ts'
import { planAttempts, type Attacker, type Attempt } from './attempt.ts'

/** What an attempt may do that would be a leak elsewhere, with the reason. */
export interface Tolerance {
  /** Operations that answer 2xx though a foreign id stands in the body: nothing of it is looked up. */
  readonly takesForeignBody: ReadonlySet<string>
  /** Operations that answer 200 to any path at all: with the same page for everybody. */
  readonly answersAnyPath?: ReadonlySet<string>
}

interface Hunt {
  readonly url: string
  readonly operations: readonly Operation[]
  readonly attackers: readonly Attacker[]
  readonly tolerance: Tolerance
}

export interface Hunted {
  /** One line per leak; empty when the walls hold. */
  readonly leaks: readonly string[]
  readonly attempts: number
}

const requestsAtOnce = 16

/** Tries everything that every attacker can try on every operation, and tells what came through. Streams are not for this. */
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
  readonly attempt: Attempt
  readonly answer: Answer
}

/** What is wrong with an answer, one line each. */
export function judge(tried: Tried, tolerance: Tolerance): string[] {
  const complaints = [...findSecrets(tried), ...judgeStatus(tried, tolerance)]
  return complaints.map(
    (complaint) =>
      `${tried.attempt.operation.id} as ${tried.attacker.name}, foreign ${tried.attempt.foreign}: ${complaint}\n    ${describe(tried)}`,
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
  if (foreign === 'headers') return isDone ? ['it was done in a foreign place'] : []
  const isTaken = foreign === 'body' && isDone && !tolerance.takesForeignBody.has(operation.id)
  return isTaken ? ['a foreign id in the body was taken'] : []
}

function judgePath(status: number, answersAnyPath: boolean): string[] {
  if (status < 400) return answersAnyPath ? [] : ['it was done']
  // 403 is for those who may not do it at all. Anything else would mean that nobody looked for the thing yet.
  return [404, 403].includes(status)
    ? []
    : ['neither 404 nor 403: the walls were not reached (say in testing/isolation/examples.ts how a good body looks)']
}

function describe({ attempt, answer }: Tried): string {
  return `${attempt.route}${JSON.stringify(attempt.query ?? {})} ${JSON.stringify(attempt.body ?? null)} -> ${answer.status} ${answer.text.slice(0, 300)}`
}

/** Everything that the request said, so that an echo is not taken for a leak. */
function sentText({ route, query, body, headers }: Attempt): string {
  return decodeURIComponent(
    `${route} ${JSON.stringify(query ?? {})} ${JSON.stringify(body ?? null)} ${JSON.stringify(headers)}`.replaceAll(
      /%(?![0-9A-F]{2})/gi,
      '%25',
    ),
  )
}
