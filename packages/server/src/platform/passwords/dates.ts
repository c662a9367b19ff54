const day = '(?:0?[1-9]|[12][0-9]|3[01])'
const month = '(?:0?[1-9]|1[0-2])'
const year = '(?:19|20)[0-9]{2}'
const dayAndMonth = `(?:${day}${month}|${month}${day})`

/** With the decimal logarithm of the guesses that find one of the kind. */
const kinds = [
  { pattern: `${day}`, length: [2, 2], cost: 1.2 },
  { pattern: year, length: [4, 4], cost: 2 },
  { pattern: dayAndMonth, length: [4, 4], cost: 2.6 },
  { pattern: `${dayAndMonth}[0-9]{2}|[0-9]{2}${dayAndMonth}`, length: [5, 6], cost: 4.3 },
  { pattern: `${dayAndMonth}${year}|${year}${dayAndMonth}`, length: [6, 8], cost: 4.6 },
].map(({ pattern, ...kind }) => ({ ...kind, pattern: new RegExp(`^(?:${pattern})$`) }))

/**
 * The decimal logarithm of the guesses that find digits that are a date in any order, a year or a day; undefined for
 * other digits.
 */
export function dateCost(digits: string): number | undefined {
  const { length } = digits
  return kinds.find(
    ({ pattern, length: [least = 0, most = 0] }) => length >= least && length <= most && pattern.test(digits),
  )?.cost
}
