import { describe, expect, it } from 'vitest'
import { findBaseUrlMistake } from './base-url.ts'

describe('findBaseUrlMistake', () => {
  it.each([
    'https://api.example.com/v1',
    'http://127.0.0.1:11434/v1',
    'http://[::1]:1/v1',
    'https://models.example.com',
    'HTTPS://Models.Example.com/V1',
    'https://gateway.example.com/accounts/a1b2/@cf/openai/v1.0',
    'https://host.example/model/arn%3Aaws%3Abedrock%2Fx',
    'https://host.example/.hidden/..v1/v1..',
    'https://bücher.example/v1',
  ])('accepts %s', (text) => {
    expect(findBaseUrlMistake(text)).toBeUndefined()
  })

  it.each([
    ['a query or a fragment', 'https://a.example/v1?'],
    ['a query or a fragment', 'https://a.example/v1#'],
    ['a query or a fragment', 'https://a.example/v1?#'],
    ['a query or a fragment', 'https://a.example?'],
    ['a query or a fragment', 'https://a.example/v1?key=1'],
    ['a query or a fragment', 'https://a.example/v1#x'],
    ['send the key as apiKey', 'https://user:pw@a.example/v1'],
    ['send the key as apiKey', 'https://user@a.example/v1'],
    ['send the key as apiKey', 'https://@a.example/v1'],
    ['send the key as apiKey', 'https://:@a.example/v1'],
    ['backslashes', 'https://a.example\\v1'],
    ['backslashes', 'https:\\\\a.example/v1'],
    ['backslashes', 'https://a.example/..\\admin'],
    ['white space', 'https://a.exam\tple/v1'],
    ['white space', 'https://a.example/v1\n'],
    ['white space', 'https://a.example/\r\nv1'],
    ['white space', ' https://a.example/v1'],
    ['white space', 'https://a.example/v1 x'],
    ['white space', 'https://a.example/v1\u00a0'],
    ['and a host', 'https:///user:pw@a.example/v1'],
    ['and a host', 'http:////user:pw@127.0.0.1:1/v1'],
    ['segments . and ..', 'https://a.example/v1/..%2fadmin'],
    ['segments . and ..', 'https://a.example/v1%2F..%2Fadmin'],
    ['encoded control character', 'https://a.example/v1%3fx'],
    ['encoded control character', 'https://a.example/v1%23'],
    ['encoded control character', 'https://a.example/v1%0d%0aHost:%20b'],
    ['encoded control character', 'https://a.example/..%5Cadmin'],
    ['control characters', 'https://a.example/\u0001v1'],
    ['control characters', 'https://a.exam\u200bple/v1'],
    ['segments . and ..', 'https://a.example/v1/..'],
    ['segments . and ..', 'https://a.example/v1/../admin'],
    ['segments . and ..', 'https://a.example/./v1'],
    ['segments . and ..', 'https://a.example/.'],
    ['encoded dot', 'https://a.example/%2e%2e/admin'],
    ['encoded dot', 'https://a.example/%2E./admin'],
    ['encoded dot', 'https://a.example/.%2e'],
    ['a host', 'https:a.example/v1'],
    ['a host', 'https:/a.example/v1'],
    ['port 0', 'https://a.example:0/v1'],
    ['http or https URL', 'ftp://a.example/v1'],
    ['http or https URL', 'file:///etc/passwd'],
    ['http or https URL', 'a.example/v1'],
    ['http or https URL', ''],
  ])('refuses, because of %s: %j', (mistake, text) => {
    expect(findBaseUrlMistake(text)).toContain(mistake)
  })
})
