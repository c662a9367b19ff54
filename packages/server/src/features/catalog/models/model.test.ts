import { describe, expect, it } from 'vitest'
import { chooseModel, type Model } from './model.ts'

const now = new Date()
const model = (id: string, facts: Partial<Model> = {}): Model => ({
  id,
  label: id,
  providerKeyId: 'k',
  api: 'openai',
  baseUrl: null,
  modelId: id,
  contextWindow: null,
  maxTokens: null,
  cost: null,
  enabled: true,
  isDefault: false,
  createdBy: null,
  createdAt: now,
  updatedAt: now,
  ...facts,
})
const [first, second, standard] = [model('first'), model('second'), model('standard', { isDefault: true })]

describe('chooseModel', () => {
  it("takes the requested model, else the agent's, else the default", () => {
    const models = [first, second, standard]
    expect(chooseModel({ models, requested: 'first', agentModelId: 'second' })).toBe(first)
    expect(chooseModel({ models, requested: undefined, agentModelId: 'second' })).toBe(second)
    expect(chooseModel({ models, requested: undefined, agentModelId: null })).toBe(standard)
    expect(chooseModel({ models, requested: undefined, agentModelId: 'deleted meanwhile' })).toBe(standard)
  })

  it('returns the reason when there is none', () => {
    expect(chooseModel({ models: [], requested: undefined, agentModelId: null })).toBe('model-not-configured')
    expect(chooseModel({ models: [standard], requested: 'unknown', agentModelId: null })).toBe('model-not-found')
  })

  it('never replaces a disabled model by another', () => {
    const off = model('off', { enabled: false })
    expect(chooseModel({ models: [off, standard], requested: 'off', agentModelId: null })).toBe('model-disabled')
    expect(chooseModel({ models: [off, standard], requested: undefined, agentModelId: 'off' })).toBe('model-disabled')
    expect(
      chooseModel({
        models: [model('d', { enabled: false, isDefault: true })],
        requested: undefined,
        agentModelId: null,
      }),
    ).toBe('model-disabled')
  })
})
