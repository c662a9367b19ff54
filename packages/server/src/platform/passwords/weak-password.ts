import { guessesLog10, type Knowledge } from './guesses.ts'
import { loadKeyboards } from './runs.ts'
import { spelledPlainly, spellingsOf } from './spellings.ts'
import { wordCosts } from './word-ranks.ts'

const product = 'appstrate'
/** A password must need at least 10^8 guesses. */
const guessesLog10Min = 8
/** Longer passwords are judged by their beginning; the API accepts none that is longer. */
const passwordCharactersMax = 128
const ownTextCharactersMax = 500
/** Names of two characters count in scripts other than Latin. */
const ownWordCharactersMin = 3

/** For the user whose password is refused. */
export const weakPasswordAdvice =
  'This password is easy to guess: do not use a common password, a date, a row of keys, your name or your address; ' +
  'combine several unrelated words'

/**
 * Whether few guesses find a password: it is common, a date, a sequence or a row of keys, or made of a few words or of
 * the texts `about` its user. Case, separators, repetitions, look-alikes and symbols for letters make no difference.
 */
export async function isWeakPassword(password: string, about: readonly string[]): Promise<boolean> {
  const knowledge: Knowledge = {
    words: await wordCosts(),
    keyboards: await loadKeyboards(),
    ownWords: wordsOf([...about, product]),
    kinds: kindsIn(password),
  }
  return spellingsOf(password.slice(0, passwordCharactersMax)).some(
    ({ text, cost }) => cost + guessesLog10(text, knowledge, guessesLog10Min) < guessesLog10Min,
  )
}

// A capital letter at the beginning is usual.
function kindsIn(password: string): number {
  return [/\p{Ll}/u, /[^\p{Lu}]\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}]/u].filter((kind) => kind.test(password)).length || 1
}

/** The words of names and addresses that are long enough to make a password weak. */
function wordsOf(texts: readonly string[]): ReadonlySet<string> {
  const words = texts.flatMap((text) => {
    const plain = spelledPlainly(text.slice(0, ownTextCharactersMax))
    return [plain, plain.replaceAll(/[^\p{L}\p{N}]/gu, ''), ...plain.split(/[^\p{L}\p{N}]+/u)]
  })
  return new Set(words.filter((word) => word.length >= ownWordCharactersMin || /^[^\p{ASCII}]{2}$/u.test(word)))
}
