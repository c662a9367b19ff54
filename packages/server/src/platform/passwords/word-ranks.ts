import { calendarLanguages, foreignWords } from './foreign-words.ts'
import { spelledPlainly } from './spellings.ts'

/** Guessing a word of the list for passphrases: one of 7,776. */
const passphraseWordCost = 3.9
/** As for a word among the thousand most common ones. */
const foreignWordCost = 2.7
const wordCharactersMin = 3

let words: Promise<ReadonlyMap<string, number>> | undefined

/** The decimal logarithm of the guesses that find a word, by word: common passwords, calendars, passphrase words. */
export function wordCosts(): Promise<ReadonlyMap<string, number>> {
  words ??= load()
  return words
}

async function load(): Promise<ReadonlyMap<string, number>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  const costs = new Map<string, number>()
  const add = (word: string, cost: number) => costs.set(word, Math.min(cost, costs.get(word) ?? cost))
  for (const [index, word] of dictionary['passwords-common'].entries())
    if (word.length >= wordCharactersMin) add(word.toLowerCase(), Math.log10(index + 2))
  for (const word of dictionary['diceware-common']) if (word.length >= wordCharactersMin) add(word, passphraseWordCost)
  for (const word of [...foreignWords, ...calendarWords()]) add(spelledPlainly(word), foreignWordCost)
  return costs
}

function calendarWords(): string[] {
  const days = Array.from({ length: 7 }, (_, day) => new Date(Date.UTC(2024, 0, day + 1)))
  const months = Array.from({ length: 12 }, (_, month) => new Date(Date.UTC(2024, month, 1)))
  const namesIn = (language: string, field: 'month' | 'weekday', times: readonly Date[]) => {
    const format = new Intl.DateTimeFormat(language, { [field]: 'long', timeZone: 'UTC' })
    return times.map((time) => format.format(time))
  }
  return calendarLanguages
    .flatMap((language) => [...namesIn(language, 'month', months), ...namesIn(language, 'weekday', days)])
    .filter((name) => name.length >= wordCharactersMin && !/\P{L}/u.test(name.normalize('NFKC')))
}
