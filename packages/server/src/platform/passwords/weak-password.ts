const product = 'appstrate'
/** A password needs this many letters besides the words that belong to its user. */
const ownLettersMin = 4

/** For the user whose password is refused. */
export const weakPasswordAdvice =
  'This password is easy to guess: do not use a common password, your name or your address; combine unrelated words'

let commonPasswords: Promise<ReadonlySet<string>> | undefined

/** Whether a password is common, or made of the texts `about` its user. Case and added digits make no difference. */
export async function isWeakPassword(password: string, about: readonly string[]): Promise<boolean> {
  commonPasswords ??= loadCommonPasswords()
  const common = await commonPasswords
  const text = password.normalize('NFKC').toLowerCase()
  const plain = asLetters(text)
  const candidates = [text, trimmed(text), trimmed(plain), plain]
  if (candidates.some((candidate) => common.has(candidate) || common.has(repeatedUnit(candidate)))) return true
  if (/^(.{1,4})\1+$/u.test(text) || /^(.)\1*$/u.test(trimmed(text))) return true
  const words = wordsOf([...about, product])
  return consistsOf(text, words) || consistsOf(plain, words.map(asLetters))
}

async function loadCommonPasswords(): Promise<ReadonlySet<string>> {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'].map((password) => password.toLowerCase()))
}

const lookAlikes: Readonly<Record<string, string>> = {
  '@': 'a',
  '4': 'a',
  '3': 'e',
  '1': 'i',
  '0': 'o',
  $: 's',
  '5': 's',
}

/** Replaces digits and symbols that stand for a letter: `p@ssw0rd` becomes `password`. */
function asLetters(text: string): string {
  return text.replaceAll(/[@431$05]/gu, (character) => lookAlikes[character] ?? character)
}

/** Without the digits and symbols at both ends: `password-123` becomes `password`. */
function trimmed(text: string): string {
  return text.replace(/^[^\p{L}]+/u, '').replace(/[^\p{L}]+$/u, '')
}

/** The part of which the text is a repetition, or the text itself: `secretsecret` becomes `secret`. */
function repeatedUnit(text: string): string {
  const at = `${text}${text}`.indexOf(text, 1)
  return at > 0 && at < text.length ? text.slice(0, at) : text
}

/** Whether few letters are left without the words, of which the text has at least one. */
function consistsOf(text: string, words: readonly string[]): boolean {
  const rest = words.reduce((left, word) => left.replaceAll(word, ' '), text)
  return rest !== text && lettersIn(rest) < ownLettersMin
}

function lettersIn(text: string): number {
  return text.replaceAll(/[^\p{L}]/gu, '').length
}

/** The words of names and addresses that are long enough to make a password weak. */
function wordsOf(texts: readonly string[]): string[] {
  const words = texts.flatMap((text) => {
    const lower = text.normalize('NFKC').toLowerCase()
    return [lower, lower.replaceAll(/[^\p{L}\p{N}]/gu, ''), ...lower.split(/[^\p{L}\p{N}]+/u)]
  })
  return [...new Set(words)].filter((word) => word.length >= ownLettersMin).sort((a, b) => b.length - a.length)
}
