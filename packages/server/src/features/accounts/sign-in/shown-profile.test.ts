import { expect, it } from 'vitest'
import { shownFields } from './shown-profile.ts'

it.each([
  ['Ada Lovelace', 'Ada Lovelace'],
  ['Ada\u202e ecalevoL', 'Ada  ecalevoL'],
  ['\u2066Ada\u2069\nYour account is locked', 'Ada Your account is locked'],
  ['\u200b\ufeff', 'Unnamed'],
  ['محمد \u200dعلي', 'محمد \u200dعلي'],
  ['a'.repeat(300), 'a'.repeat(200)],
])('shows the name %j of a provider as %j', (name, shown) => {
  expect(shownFields({ name })).toEqual({ name: shown })
})

it.each([
  ['https://example.com/a.png?size=96', 'https://example.com/a.png?size=96'],
  ['https://example.com/"><script>', 'https://example.com/%22%3E%3Cscript%3E'],
  ['javascript:alert(1)', null],
  ['http://example.com/a.png', null],
  ['data:text/html,<script>', null],
  [`https://example.com/${'a'.repeat(3000)}`, null],
  ['//example.com/a.png', null],
])('keeps the picture %j as %j', (image, shown) => {
  expect(shownFields({ image })).toEqual({ image: shown })
})

it('changes nothing else', () => {
  expect(shownFields({})).toEqual({})
  expect(shownFields({ image: null })).toEqual({ image: null })
})
