import { expect, it } from 'vitest'
import { newUuid } from '../ids/id.ts'
import { firstEntryIdAt, timeOfEntry } from './entry-time.ts'

it('reads the time of an entry from its id', () => {
  const before = Date.now()
  const at = timeOfEntry(newUuid()).getTime()
  expect(at).toBeGreaterThanOrEqual(before)
  expect(at).toBeLessThanOrEqual(Date.now())
})

it('returns the id between the entries before a time and those at or after it', () => {
  const id = newUuid()
  const at = timeOfEntry(id)
  expect(firstEntryIdAt(at) <= id).toBe(true)
  expect(firstEntryIdAt(new Date(at.getTime() + 1)) > id).toBe(true)
  expect(firstEntryIdAt(new Date('2026-03-21T09:30:00.123Z'))).toBe('019d0fba-e63b-0000-0000-000000000000')
  expect(timeOfEntry('019d0fba-e63b-0000-0000-000000000000').toISOString()).toBe('2026-03-21T09:30:00.123Z')
})

it('stays within the times that an id can represent', () => {
  expect(firstEntryIdAt(new Date('0000-01-01T00:00:00Z'))).toBe('00000000-0000-0000-0000-000000000000')
  expect(firstEntryIdAt(new Date(8.64e15))).toMatch(/^ffffffff-ffff-/)
})
