import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadPrices, PriceFileBroken } from './model-prices.ts'

const folder = mkdtempSync(join(tmpdir(), 'appstrate-prices-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function fileOf(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

describe('loadPrices', () => {
  it('knows well-known models by protocol and name', () => {
    const prices = loadPrices({ MODEL_PRICES: undefined })
    expect(prices.find('anthropic', 'claude-sonnet-4-5')).toEqual({
      input: '3',
      output: '15',
      cacheRead: '0.3',
      cacheWrite: '3.75',
    })
    expect(prices.find('openai', 'gpt-4o')).toEqual({
      input: '2.5',
      output: '10',
      cacheRead: '1.25',
      cacheWrite: '2.5',
    })
  })

  it('gives dated names the price of their model, unless they have a row of their own', () => {
    const prices = loadPrices({ MODEL_PRICES: undefined })
    expect(prices.find('anthropic', 'claude-haiku-4-5-20251001')).toEqual(prices.find('anthropic', 'claude-haiku-4-5'))
    expect(prices.find('openai', 'gpt-4o-2024-11-20')).toEqual(prices.find('openai', 'gpt-4o'))
    expect(prices.find('openai', 'gpt-4o-2024-05-13')?.input).toBe('5')
  })

  it('has no price for unknown models, nor for a local server that uses a known name', () => {
    const prices = loadPrices({ MODEL_PRICES: undefined })
    expect(prices.find('openai', 'gpt-of-tomorrow')).toBeNull()
    expect(prices.find('openai-compatible', 'gpt-4o')).toBeNull()
  })

  it('lets the file of MODEL_PRICES override and extend the table', () => {
    const path = fileOf('own.json', {
      prices: {
        'openai/gpt-4o': { input: '1', output: '2' },
        'openai-compatible/llama3:8b': { input: '0', output: '0' },
      },
    })
    const prices = loadPrices({ MODEL_PRICES: path })
    expect(prices.find('openai', 'gpt-4o')).toEqual({ input: '1', output: '2', cacheRead: '1', cacheWrite: '1' })
    expect(prices.find('openai', 'gpt-4o-2024-11-20')?.input).toBe('1')
    expect(prices.find('openai-compatible', 'llama3:8b')?.output).toBe('0')
    expect(prices.find('openai', 'gpt-4.1')?.input).toBe('2')
  })

  it('reports in one line what is wrong with the file', () => {
    const broken: [string, unknown, RegExp][] = [
      ['cut.json', '{"prices":', /is not JSON/],
      ['empty.json', {}, /is not a price file/],
      [
        'float.json',
        { prices: { 'openai/x': { input: 1, output: '2' } } },
        /is not a price file: \/prices\/openai~1x\/input/,
      ],
      ['name.json', { prices: { 'acme/x': { input: '1', output: '2' } } }, /is not a price file/],
      ['negative.json', { prices: { 'openai/x': { input: '-1', output: '2' } } }, /is not a price file/],
      ['typo.json', { prices: {}, price: {} }, /is not a price file/],
    ]
    for (const [name, content, message] of broken) {
      const path = fileOf(name, content)
      const load = () => loadPrices({ MODEL_PRICES: path })
      expect(load, name).toThrow(PriceFileBroken)
      expect(load, name).toThrow(message)
      expect(load, name).toThrow(`MODEL_PRICES ${path}`)
    }
    expect(() => loadPrices({ MODEL_PRICES: join(folder, 'missing.json') })).toThrow(/cannot be read: ENOENT/)
  })
})
