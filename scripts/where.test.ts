import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = new URL('../', import.meta.url)

function where(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL('where.ts', import.meta.url)), ...args],
    { cwd: root, encoding: 'utf8' },
  )
  return { status, found: stdout.trim(), complaint: stderr.trim() }
}

describe('npm run where', () => {
  it.each([
    [['POST', '/api/runs/run_1/cancel'], 'execution/runs/cancel-run.ts'],
    [['post', '/api/runs/run_1/cancel/?x=1'], 'execution/runs/cancel-run.ts'],
    [['GET /api/runs'], 'execution/runs/list-runs.ts'],
    [['GET', 'http://localhost:3000/api/runs/run_1'], 'execution/runs/get-run.ts'],
    [['POST', '/api/agents/@acme/hello/run'], 'execution/runs/run-agent.ts'],
    [['PUT', 'api/models/default'], 'catalog/models/set-default-model.ts'],
  ])('%j is in %s', (args, file) => {
    const { found, status } = where(...args)
    expect([found, status]).toEqual([`packages/server/src/features/${file}`, 0])
    expect(existsSync(new URL(found, root))).toBe(true)
  })

  it('says what is wrong otherwise', () => {
    expect(where('GET', '/api/nothing')).toEqual({
      status: 1,
      found: '',
      complaint: 'No operation answers /api/nothing.',
    })
    expect(where('PUT', '/api/runs/run_1')).toEqual({
      status: 1,
      found: '',
      complaint: 'No operation answers PUT /api/runs/run_1; it takes GET, DELETE.',
    })
    expect(where().complaint).toMatch(/^Usage:/)
  })
})
