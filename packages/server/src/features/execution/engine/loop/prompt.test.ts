import { expect, it } from 'vitest'
import { plainSeal } from '../../../accounts/end-users/index.ts'
import type { Run } from '../../runs/index.ts'
import { openingMessages } from './prompt.ts'

const run: Run = {
  id: '0195e9a0-0000-7000-8000-000000000000',
  organizationId: '',
  applicationId: '',
  agentId: '',
  agentName: '@acme/totals',
  packageVersionId: '',
  version: '1.2.3',
  endUserId: null,
  userId: null,
  apiKeyId: null,
  scheduleId: null,
  scheduledFor: null,
  status: 'running',
  attempt: 1,
  input: { month: 'May' },
  config: { currency: 'EUR' },
  metadata: { secretNote: 'not for the model' },
  budgetUsd: null,
  modelRowId: null,
  model: { label: 'Test', api: 'openai', modelId: 'm', contextWindow: null, maxTokens: null, price: null },
  timeoutMs: 300_000,
  output: null,
  report: null,
  error: null,
  usage: { inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0 },
  costUsd: '0',
  createdAt: new Date(0),
  startedAt: null,
  completedAt: null,
  seal: plainSeal,
}
const parts = {
  run,
  goal: 'Add up the file.',
  toolNames: ['bash', 'output'],
  hasSandboxTools: true,
  outputSchema: { type: 'object' },
  files: [{ name: 'sales.csv', sizeBytes: 12 }],
}

it('contains the goal, input, configuration, files, tools and limits', () => {
  const [system, user] = openingMessages(parts)
  for (const text of [
    '@acme/totals (version 1.2.3)',
    'Add up the file.',
    'bash, output',
    '"currency": "EUR"',
    '300 seconds',
    'must return it with `output`',
  ])
    expect(system?.text).toContain(text)
  expect(user?.text).toContain('```json\n{\n  "month": "May"\n}\n```')
  expect(user?.text).toContain('/workspace/input/sales.csv (12 bytes)')
})

it('is the same for every attempt, and contains no metadata', () => {
  expect(openingMessages({ ...parts, run: { ...run, attempt: 3 } })).toEqual(openingMessages(parts))
  expect(JSON.stringify(openingMessages(parts))).not.toContain('secretNote')
})

it('does not mention a sandbox to an agent without one', () => {
  const [system] = openingMessages({ ...parts, hasSandboxTools: false, toolNames: [], outputSchema: undefined })
  expect(system?.text).not.toContain('/workspace')
  expect(system?.text).toContain('You have no tools')
})
