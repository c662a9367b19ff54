import { describe, expect, test } from 'vitest'
import { chooseStep } from './choose-step.ts'
import { noFacts, withMessage, type Message } from './conversation.ts'
import { fillIn } from './fill-in.ts'
import { InvalidScenario, parseScenario } from './scenario.ts'

const call = { name: 'bash', argumentsText: '{"command":"sleep 3"}' }
const user: Message = { role: 'user', text: 'Go.' }
const calling: Message = { role: 'assistant', text: '', toolCalls: [call] }
const result = (text: string, toolName = 'bash'): Message => ({ role: 'tool', toolName, text })

const scenario = parseScenario('test', {
  steps: [
    { text: 'first', toolCalls: [{ name: 'bash', arguments: {} }] },
    [{ when: { lastToolResult: { matches: 'interrupted' } }, repeatToolCalls: true }, { text: 'second' }],
    { text: 'last' },
  ],
})
const textFor = (...messages: Message[]) => chooseStep(scenario, messages)?.step.text

describe('choosing a step', () => {
  test('depends only on the assistant messages in the request, and repeats the last step', () => {
    expect(textFor(user)).toBe('first')
    expect(textFor(user, calling, result('ok'))).toBe('second')
    expect(textFor(user, calling, result('ok'), { role: 'assistant', text: 'second', toolCalls: [] })).toBe('last')
    expect(textFor(user, calling, result('ok'), calling, result('x'), calling, user)).toBe('last')
  })

  test('a repeated tool call stays at its step, however often it is interrupted', () => {
    const interrupted = result('The command was Interrupted.')
    const chosen = chooseStep(scenario, [user, calling, interrupted, calling, interrupted])
    expect(chosen?.step.repeatToolCalls).toBe(true)
    expect(chosen?.facts.lastToolCalls).toEqual([call])
    expect(textFor(user, calling, interrupted, calling, result('slept'))).toBe('second')
    expect(textFor(user, calling, interrupted, calling, result('slept'), calling, result('x'))).toBe('last')
  })

  test('conditions check the tool result since the latest answer, its tool and its JSON', () => {
    const picky = parseScenario('picky', {
      steps: [
        { text: 'start' },
        [
          { when: { lastToolResult: { toolName: 'output' } }, text: 'output' },
          { when: { lastToolResult: { jsonHas: 'totals' } }, text: 'totals' },
          { when: { lastUserText: { matches: '^correct' } }, text: 'corrected' },
        ],
      ],
    })
    const pick = (...messages: Message[]) => chooseStep(picky, [user, calling, ...messages])?.step.text
    expect(pick(result('{}', 'output'))).toBe('output')
    expect(pick(result('exit code 0\n{"totals":{}}\n'))).toBe('totals')
    expect(pick(result('{"stdout":"{\\"totals\\":{}}\\n","exitCode":0}'))).toBe('totals')
    expect(pick(result('totals'), { role: 'user', text: 'Correct it.' })).toBe('corrected')
    expect(pick(result('{"totals":{}}'), calling)).toBeUndefined()
  })
})

describe('filling placeholders', () => {
  const facts = [
    { role: 'system', text: 'You get <input>\n{"name":"Ada","list":[1,2]}\n</input>' } as const,
    { role: 'user', text: 'Hi' } as const,
    result('exit code 0\n{"totals":{"a":"1.10"},"rows":2}'),
  ].reduce(withMessage, noFacts)

  test('a lone placeholder becomes the value, one within text becomes text, a missing one null or empty', () => {
    expect(
      fillIn(
        { a: '{{lastToolResult.json}}', b: ['{{ input.list.1 }}'], c: 'Dear {{input.name}}{{input.nobody}}!' },
        facts,
      ),
    ).toEqual({
      a: { totals: { a: '1.10' }, rows: 2 },
      b: [2],
      c: 'Dear Ada!',
    })
    expect(fillIn(['{{input.nobody}}', '{{lastUserText}}', '{{nonsense}}', 7], facts)).toEqual([null, 'Hi', null, 7])
  })

  test('finds the input in a tag or a fenced block, in user text before system text', () => {
    const fenced = [{ role: 'user', text: 'Input:\n```json\n{"name":"Grace"}\n```' } as const].reduce(
      withMessage,
      noFacts,
    )
    expect(fillIn('{{input.name}}', fenced)).toBe('Grace')
    const headed = [
      { role: 'system', text: '# Schema\n```json\n{"no":1}\n```\n## Input\n```json\n{"name":"Alan"}\n```' } as const,
    ].reduce(withMessage, noFacts)
    expect(fillIn('{{input.name}}', headed)).toBe('Alan')
  })
})

describe('an invalid scenario', () => {
  test('is refused with all mistakes', () => {
    const wrong = { steps: [{ delayMs: -1, txt: 'x' }], more: 1 }
    expect(() => parseScenario('wrong', wrong)).toThrow(InvalidScenario)
    expect(() => parseScenario('wrong', { steps: [] })).toThrow(/'wrong'.*steps/)
    expect(() => parseScenario('wrong', { steps: [{ when: { lastUserText: { matches: '(' } } }] })).toThrow(
      /regular expression/,
    )
  })
})
