import { describe, expect, it } from 'vitest'
import { cutText, keptRequest, keptResponse, readRequest, readResponse, responseBytesMax } from './exchange.ts'

const plain = (text: string) => text
const request = {
  url: 'https://example.com/hook',
  headers: { 'webhook-id': 'evt_1', 'webhook-signature': 'v1,c2VjcmV0' },
  body: '{"a":1}',
}

describe('the record of an exchange', () => {
  it('has the whole request except its signature', () => {
    const kept = keptRequest(request, plain)
    expect(kept).toEqual({
      ...request,
      headers: { 'webhook-id': 'evt_1', 'webhook-signature': '***' },
      bodyTruncated: false,
    })
    expect(readRequest(JSON.parse(JSON.stringify(kept)), plain)).toEqual(kept)
  })

  it('has the beginning of long bodies, marked as truncated', () => {
    const kept = keptRequest({ ...request, body: 'ü'.repeat(40_000) }, plain)
    expect(kept).toMatchObject({ body: 'ü'.repeat(32_768), bodyTruncated: true })
    expect(keptResponse({ headers: {}, body: 'x'.repeat(responseBytesMax), truncated: true }, plain)).toMatchObject({
      bodyTruncated: true,
    })
    expect(keptResponse({ headers: {}, body: 'x'.repeat(responseBytesMax), truncated: false }, plain)).toMatchObject({
      bodyTruncated: false,
    })
  })

  it('has a limited number of headers, without cookies', () => {
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, 'v'.repeat(5_000)]))
    const { headers } = keptResponse(
      { headers: { 'Set-Cookie': 'session=1', ...many }, body: '', truncated: false },
      plain,
    )
    expect(headers['Set-Cookie']).toBe('***')
    expect(Object.keys(headers)).toHaveLength(50)
    expect(headers['x-3']).toHaveLength(1_000)
  })

  it("has an end-user's bodies encrypted, and unreadable once their key is destroyed", () => {
    const seal = (text: string) => Buffer.from(text).toString('base64')
    const stored = keptRequest(request, seal)
    expect(JSON.stringify(stored)).not.toContain('"a":1')
    expect(readRequest(stored, (sealed) => Buffer.from(sealed, 'base64').toString())).toMatchObject({
      body: request.body,
    })
    const erased = () => null
    expect(readRequest(stored, erased)).toMatchObject({ body: null, url: request.url })
    const answer = keptResponse({ headers: {}, body: 'thanks', truncated: false }, seal)
    expect(readResponse(answer, erased)).toMatchObject({ body: null })
    expect(keptResponse({ headers: {}, body: 'thanks', truncated: false }, erased)).toMatchObject({
      body: null,
      bodyTruncated: false,
    })
  })

  it('is empty before an attempt is made', () => {
    expect([readRequest(null, plain), readResponse(null, plain), readResponse({ body: 1 }, plain)]).toEqual([
      null,
      null,
      null,
    ])
  })

  it.each([
    ['abc', 2, 'ab'],
    ['aü', 2, 'a'],
    ['a😀b', 4, 'a'],
    ['a😀b', 5, 'a😀'],
    ['ü', 2, 'ü'],
    ['ü', 1, ''],
  ])('cuts %s to %s bytes: %s', (text, bytes, expected) => expect(cutText(text, bytes)).toBe(expected))
})
