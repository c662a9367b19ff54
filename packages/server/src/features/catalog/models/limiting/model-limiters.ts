import { createHash } from 'node:crypto'
import type { Service } from '../../../../platform/platform.ts'
import { findBaseUrl, type ModelTarget } from '../calling/model-target.ts'
import { LearningLimiter, type CallLimiter } from './call-limiter.ts'

/** The limiters of a process. */
export interface ModelLimiters {
  /**
   * The limiter of a model with its key. Organizations that use the same key of the same provider share it. Models have
   * limiters of their own, because providers limit each model: one that refuses must not stop the others.
   */
  of(target: Pick<ModelTarget, 'api' | 'baseUrl' | 'apiKey' | 'modelId'>): CallLimiter
}

const keptMax = 1_000
const baseDelayMs = 500
const maxDelayMs = 30_000

class Limiters implements ModelLimiters {
  readonly #outageMs: number
  readonly #limiters = new Map<string, LearningLimiter>()

  constructor(outageMs: number) {
    this.#outageMs = outageMs
  }

  of(target: Pick<ModelTarget, 'api' | 'baseUrl' | 'apiKey' | 'modelId'>): CallLimiter {
    // Only a hash: the key must not be kept longer than the call.
    const name = createHash('sha256')
      .update(JSON.stringify([findBaseUrl(target), target.apiKey, target.modelId]))
      .digest('base64')
    const limiter =
      this.#limiters.get(name) ??
      new LearningLimiter({ outageMs: this.#outageMs, baseDelayMs, maxDelayMs, random: Math.random })
    // The one that was used last comes last.
    this.#limiters.delete(name)
    this.#limiters.set(name, limiter)
    this.#forgetIdle()
    return limiter
  }

  close(): void {
    for (const limiter of this.#limiters.values()) limiter.close()
  }

  #forgetIdle(): void {
    if (this.#limiters.size <= keptMax) return
    for (const [name, limiter] of this.#limiters) {
      if (this.#limiters.size <= keptMax / 2) return
      if (limiter.isIdle()) this.#limiters.delete(name)
    }
  }
}

/** The process's limiters of model calls. */
export const modelLimiters: Service<Limiters> = {
  name: 'model limiters',
  open: ({ config }) => new Limiters(config.MODEL_OUTAGE_SECONDS * 1_000),
  close: async (limiters) => limiters.close(),
}
