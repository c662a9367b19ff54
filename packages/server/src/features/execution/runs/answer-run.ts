import type { FastifyRequest } from 'fastify'
import type { AppScope } from '../../../platform/access/caller.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import { foundOr } from '../../../platform/problems/found-or.ts'
import { createSignal } from '../../../platform/concurrency/signal.ts'
import type { Platform } from '../../../platform/platform.ts'
import { unsealRun } from './run-content.ts'
import { findRun } from './run-store.ts'
import { toRunWire } from './run-wire.ts'
import { isTerminal, type Run, type StoredRun } from './run.ts'

const waitSecondsMax = 60
// The delay that a lost wake-up causes.
const pollMs = 1_000

type Waiting = Pick<Platform, 'db' | 'use' | 'wake' | 'stopping'>

/** The reply to a started run: immediate, or delayed as `Prefer: wait` asks. */
export async function answerRun(
  { platform, scope, request }: { platform: Waiting; scope: AppScope; request: FastifyRequest },
  run: Run,
) {
  const seconds = parseWaitSeconds(request.headers['prefer'])
  if (seconds > 0) request.state.endWork()
  const latest = seconds === 0 ? run : await awaitRun(platform, scope, { run, seconds, request })
  const headers = {
    Location: `/api/runs/${toWireId('run', run.id)}`,
    ...(seconds === 0 ? {} : { 'Preference-Applied': `wait=${seconds}` }),
  }
  const body = toRunWire(latest)
  return isTerminal(latest.status) && seconds > 0
    ? ({ status: 200, body, headers } as const)
    : ({ status: 202, body, headers } as const)
}

/** Seconds of `Prefer: wait=N` (RFC 7240 section 4.3), at most 60; 0 when the client does not wait. */
export function parseWaitSeconds(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '')
  const wait = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,9})"?/i.exec(text)?.[1]
  return wait === undefined ? 0 : Math.min(Number(wait), waitSecondsMax)
}

/** The run once it has ended, or its current state when the time is up, the client disconnects or the server stops. */
async function awaitRun(
  platform: Waiting,
  scope: AppScope,
  wait: { run: Run; seconds: number; request: FastifyRequest },
): Promise<Run> {
  const { run, seconds, request } = wait
  const deadline = Date.now() + seconds * 1000
  const changed = createSignal()
  const unsubscribe = platform.wake.subscribe('events', (detail) => {
    if (detail === '*' || detail.endsWith(run.id)) changed.raise()
  })
  request.socket.once('close', changed.raise)
  platform.stopping.addEventListener('abort', changed.raise, { once: true })
  try {
    let latest: StoredRun = run
    while (
      !isTerminal(latest.status) &&
      Date.now() < deadline &&
      !platform.stopping.aborted &&
      !request.socket.destroyed
    ) {
      await changed.wait(Math.min(pollMs, deadline - Date.now()))
      changed.lower()
      latest = foundOr(await findRun(platform.db, scope, run.id), 'run-not-found')
    }
    return latest === run ? run : await unsealRun(platform, latest)
  } finally {
    unsubscribe()
    request.socket.off('close', changed.raise)
    platform.stopping.removeEventListener('abort', changed.raise)
  }
}
