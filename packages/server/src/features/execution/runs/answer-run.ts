import type { FastifyRequest } from 'fastify'
import type { AppScope } from '../../../platform/access/caller.ts'
import { toWireId } from '../../../platform/ids/id.ts'
import type { Platform } from '../../../platform/platform.ts'
import { awaitRun, parseWaitSeconds } from './await-run.ts'
import { toRunWire } from './run-wire.ts'
import { isTerminal, type Run } from './run.ts'

/** The reply to a started run: at once, or held as `Prefer: wait` asks. */
export async function answerRun(
  { platform, scope, request }: { platform: Platform; scope: AppScope; request: FastifyRequest },
  run: Run,
) {
  const seconds = parseWaitSeconds(request.headers['prefer'])
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
