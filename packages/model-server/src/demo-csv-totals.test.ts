import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startModelServer, type ModelServer } from './model-server.ts'

interface Call {
  readonly id: string
  readonly function: { readonly name: string; readonly arguments: string }
}
interface Answer {
  readonly role: 'assistant'
  readonly content: string | null
  readonly tool_calls?: readonly Call[]
}

let server: ModelServer
const root = mkdtempSync(join(tmpdir(), 'demo-csv-'))
beforeAll(async () => {
  server = await startModelServer()
})
afterAll(async () => {
  await server.close()
  rmSync(root, { recursive: true, force: true })
})

/** A conversation with the demo: keeps each answer, and sends each tool result that it is given. */
function startConversation() {
  const messages: object[] = [{ role: 'user', content: 'Add up my file.' }]
  let last: Answer | undefined
  return async (toolResult?: string): Promise<Answer> => {
    const call = last?.tool_calls?.[0]
    if (call !== undefined) messages.push({ role: 'tool', tool_call_id: call.id, content: toolResult ?? '' })
    const body = JSON.stringify({ model: 'scenario:demo-csv-totals', messages })
    const response = await fetch(`${server.url}/v1/chat/completions`, { method: 'POST', body })
    const { choices }: { choices: [{ message: Answer }] } = JSON.parse(await response.text())
    last = choices[0].message
    messages.push(last)
    return last
  }
}

function runBash(answer: Answer, folder: string, csv: string) {
  const env = {
    PATH: '/usr/bin:/bin',
    INPUT_DIR: join(root, folder, 'input'),
    OUTPUT_DIR: join(root, folder, 'output'),
  }
  mkdirSync(env.INPUT_DIR, { recursive: true })
  writeFileSync(join(env.INPUT_DIR, 'mine.csv'), csv)
  const { command }: { command: string } = JSON.parse(answer.tool_calls?.[0]?.function.arguments ?? '{}')
  const { stdout, status } = spawnSync('bash', ['-c', command], { env, encoding: 'utf8' })
  return { stdout, exitCode: status }
}

const expected = { file: 'mine.csv', rows: 2, columns: ['what', 'price'], totals: { price: '0.3' } }

test.each([
  ['the bare output', ({ stdout }: { stdout: string }) => stdout],
  ['output with an exit code', ({ stdout }: { stdout: string }) => `exit code: 0\n${stdout}`],
  ['a JSON result', (result: object) => JSON.stringify(result)],
])('the totals go from the sandbox into the output tool: %s', async (_, present) => {
  const say = startConversation()
  const first = await say()
  expect(first.tool_calls?.map((call) => call.function.name)).toEqual(['bash'])
  const second = await say(present(runBash(first, 'good', 'what,price\na,0.1\nb,0.2\n')))
  expect(second.tool_calls?.map((call) => call.function.name)).toEqual(['output'])
  expect(JSON.parse(second.tool_calls?.[0]?.function.arguments ?? '')).toEqual(expected)
  const last = await say('The output was accepted.')
  expect([last.tool_calls, last.content]).toEqual([undefined, expect.stringMatching(/^Done/)])
})

test('an interrupted command is run again, and the script continues', async () => {
  const say = startConversation()
  const first = await say()
  const again = await say('The tool call was interrupted because the worker stopped.')
  expect(again.tool_calls?.[0]?.function).toEqual(first.tool_calls?.[0]?.function)
  const output = await say(runBash(again, 'interrupted', 'what,price\na,0.1\nb,0.2\n').stdout)
  expect(output.tool_calls?.[0]?.function.name).toBe('output')
})

test('a file that is not a CSV ends with an explanation, without an output', async () => {
  const say = startConversation()
  const result = runBash(await say(), 'bad', 'Dear all,\nthis is a letter.\n')
  expect(result.exitCode).toBe(1)
  const last = await say(result.stdout)
  expect(last.tool_calls).toBeUndefined()
  expect(last.content).toContain('The file is not a CSV')
  const refused = await (async () => {
    const other = startConversation()
    await other()
    return other('The sandbox is not available on this host.')
  })()
  expect(refused.content).toContain('The sandbox is not available')
})
