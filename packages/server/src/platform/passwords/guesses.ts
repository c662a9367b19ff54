import { dateCost } from './dates.ts'
import { runsAt, type Keyboards } from './runs.ts'

/** What an attacker knows; costs are decimal logarithms of numbers of guesses. */
export interface Knowledge {
  readonly words: ReadonlyMap<string, number>
  /** The words that belong to the user: name, address, organization. */
  readonly ownWords: ReadonlySet<string>
  readonly keyboards: Keyboards
  /** How many of lower case, upper case, digits and others a password mixes: single characters then cost more. */
  readonly kinds: number
}

const ownWordCost = 0.3
const wordCharactersMax = 20
/** A word that was disguised is guessed with the others of its kind. */
const disguiseCost = 0.5
/** How many parts there are, and in which order, is guessed too. */
const joinCost = 0.5

// Two readings, because some digits and symbols stand for two letters.
const lettersOfSymbols = [
  ['@431!|0$5§7+8692(€£#', 'aaeiiiossssttbggzcelh'],
  ['@431!|0$5§7+8692(€£#', 'aaelllossssttbbgzcelh'],
].map(
  ([symbols = '', letters = '']) => new Map(Array.from(symbols, (symbol, index) => [symbol, letters[index] ?? symbol])),
)

/** The decimal logarithm of the guesses that find a text, by its cheapest division into parts. At most `max`. */
export function guessesLog10(text: string, knowledge: Knowledge, max: number): number {
  const characters = Array.from(text)
  // By position: the cost of the text before it. Its end is guessed as a whole part, or character by character.
  const whole = Array.from({ length: characters.length + 1 }, () => Number.POSITIVE_INFINITY)
  const single = whole.map(() => Number.POSITIVE_INFINITY)
  whole[0] = 0
  for (const [start, character] of characters.entries()) {
    const before = Math.min(whole[start] ?? 0, single[start] ?? 0)
    if (before >= max) continue
    const opening = start === 0 ? 0 : joinCost
    const improve = (costs: number[], end: number, cost: number) => {
      costs[end] = Math.min(costs[end] ?? cost, cost)
    }
    improve(
      single,
      start + 1,
      Math.min((whole[start] ?? 0) + opening, single[start] ?? 0) + characterCost(character, knowledge),
    )
    for (const { length, cost } of partsAt(characters, start, knowledge))
      improve(whole, start + length, before + opening + cost)
  }
  return Math.min(whole.at(-1) ?? 0, single.at(-1) ?? 0, max)
}

function characterCost(character: string, { kinds }: Knowledge): number {
  const mixed = 0.2 * (kinds - 1)
  if (/[0-9]/.test(character)) return 0.85 + mixed
  if (/[a-z]/.test(character)) return 1.4 + mixed
  return /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}]/u.test(
    character,
  )
    ? 2
    : 1.5 + mixed
}

function partsAt(characters: readonly string[], start: number, knowledge: Knowledge) {
  const parts = runsAt(characters, start, knowledge.keyboards).flatMap(({ length, cost }) =>
    // A shorter run may leave a word after it.
    Array.from({ length: length - 2 }, (_, index) => ({ length: index + 3, cost })),
  )
  for (let length = 2; length <= wordCharactersMax && start + length <= characters.length; length += 1) {
    const part = characters.slice(start, start + length).join('')
    const cost = Math.min(wordCost(part, knowledge), /^[0-9]+$/.test(part) ? (dateCost(part) ?? Infinity) : Infinity)
    if (cost < Infinity) parts.push({ length, cost })
  }
  return parts
}

function wordCost(part: string, { words, ownWords }: Knowledge): number {
  const costOf = (word: string) => (ownWords.has(word) ? ownWordCost : (words.get(word) ?? Infinity))
  const disguised = part.length < 4 ? [] : lettersOfSymbols.map((letters) => replaceSymbols(part, letters))
  const turned = [part, ...disguised].map((word) => Array.from(word).reverse().join(''))
  return Math.min(costOf(part), ...[...disguised, ...turned].map((word) => costOf(word) + disguiseCost))
}

function replaceSymbols(part: string, letters: ReadonlyMap<string, string>): string {
  return Array.from(part, (character) => letters.get(character) ?? character).join('')
}
