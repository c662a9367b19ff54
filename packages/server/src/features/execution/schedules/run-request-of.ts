import { toWireId } from '../../../platform/ids/id.ts'
import type { RunRequest } from '../runs/index.ts'
import type { Schedule } from './schedule.ts'

/** The request with which each run of a schedule is started. */
export function runRequestOf({
  input,
  config,
  modelId,
  version,
  budgetUsd,
}: Pick<Schedule, 'input' | 'config' | 'modelId' | 'version' | 'budgetUsd'>): RunRequest {
  return {
    input,
    config,
    ...(modelId === null ? {} : { modelId: toWireId('model', modelId) }),
    ...(version === null ? {} : { version }),
    ...(budgetUsd === null ? {} : { budget: budgetUsd }),
  }
}
