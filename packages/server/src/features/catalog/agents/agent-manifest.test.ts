import { describe, expect, it } from 'vitest'
import {
  contentOf,
  isSameContent,
  ManifestBroken,
  parseManifest,
  toolsOf,
  writeManifest,
  type AgentContent,
} from './agent-manifest.ts'
import { builtinTools, packageOf } from './builtin-tool.ts'

const content: AgentContent = {
  displayName: 'CSV totals',
  description: 'Adds up',
  tools: ['output', 'read_file'],
  input: { type: 'object', properties: { column: { type: 'string' } } },
  output: null,
  timeoutSeconds: 60,
}
const identity = { name: '@acme/csv-totals', version: '1.0.0' }

describe('writeManifest', () => {
  it('writes the AFPS form', () => {
    expect(writeManifest(content, identity)).toEqual({
      name: '@acme/csv-totals',
      version: '1.0.0',
      type: 'agent',
      schemaVersion: '1.0',
      displayName: 'CSV totals',
      description: 'Adds up',
      dependencies: { tools: { '@appstrate/output': '*', '@appstrate/read-file': '*' } },
      input: { schema: content.input },
      timeout: 60,
    })
  })

  it('keeps unknown content: other fields, dependencies, ranges and wrapper fields', () => {
    const before = parseManifest({
      ...identity,
      type: 'agent',
      schemaVersion: '1.3',
      displayName: 'Old',
      description: 'Old',
      author: 'Ada',
      'x-acme': { a: 1 },
      dependencies: {
        skills: { '@acme/s': '^1.0.0' },
        tools: { '@acme/own': '2.x', '@appstrate/output': '^1', '@appstrate/bash': '*' },
      },
      input: { schema: { type: 'object' }, uiHints: { a: 1 } },
      output: { schema: { type: 'object' } },
    })
    expect(
      writeManifest({ ...content, description: null }, { name: '@acme/csv-totals', version: '1.0.1' }, before),
    ).toEqual({
      name: '@acme/csv-totals',
      version: '1.0.1',
      type: 'agent',
      schemaVersion: '1.3',
      displayName: 'CSV totals',
      author: 'Ada',
      'x-acme': { a: 1 },
      dependencies: {
        skills: { '@acme/s': '^1.0.0' },
        tools: { '@acme/own': '2.x', '@appstrate/output': '^1', '@appstrate/read-file': '*' },
      },
      input: { schema: content.input, uiHints: { a: 1 } },
      timeout: 60,
    })
  })

  it('is reversed by contentOf', () => {
    expect(contentOf(writeManifest(content, identity))).toEqual(content)
    const empty: AgentContent = {
      displayName: 'x',
      description: null,
      tools: [],
      input: null,
      output: null,
      timeoutSeconds: 300,
    }
    expect(contentOf(writeManifest(empty, identity))).toEqual(empty)
  })
})

describe('parseManifest', () => {
  it('fills in the timeout and keeps unknown fields', () => {
    const manifest = { ...identity, type: 'agent', schemaVersion: '1.0', displayName: 'x', keywords: ['a'] }
    expect(parseManifest(manifest)).toEqual({ ...manifest, timeout: 300 })
    expect(toolsOf(parseManifest(manifest))).toEqual([])
  })

  it('throws ManifestBroken for anything else', () => {
    const manifest = { ...identity, type: 'agent', schemaVersion: '1.0', displayName: 'x' }
    for (const broken of [
      null,
      [],
      {},
      { ...manifest, type: 'skill' },
      { ...manifest, timeout: 0 },
      { ...manifest, input: {} },
      { ...manifest, dependencies: { tools: { a: 1 } } },
    ]) {
      expect(() => parseManifest(broken), JSON.stringify(broken)).toThrow(ManifestBroken)
    }
  })
})

describe('the built-in tools', () => {
  it('have one package each and are returned in their order', () => {
    expect(new Set(builtinTools.map(packageOf)).size).toBe(builtinTools.length)
    expect(packageOf('edit_file')).toBe('@appstrate/edit-file')
    const reversed = writeManifest({ ...content, tools: [...builtinTools].reverse() }, identity)
    expect(toolsOf(reversed)).toEqual(builtinTools)
  })
})

describe('isSameContent', () => {
  it('compares values and ignores the order of keys', () => {
    const turned = { ...content, input: { properties: { column: { type: 'string' } }, type: 'object' } }
    expect(isSameContent(content, turned)).toBe(true)
    expect(isSameContent(content, { ...content, timeoutSeconds: 61 })).toBe(false)
  })
})
