/** A text that a password may stand for, with the decimal logarithm of the guesses that the disguise adds. */
export interface Spelling {
  readonly text: string
  readonly cost: number
}

/** Longer units are not looked for in repetitions. */
const unitCharactersMax = 20
const repetition = new RegExp(`(.{1,${unitCharactersMax}}?)\\1+`, 'gsu')

/** Letters of other scripts, and small capitals, that look like Latin ones. */
const lookAlikes = new Map(
  Object.entries({
    a: 'аαᴀɑӑ',
    b: 'ьвβʙ',
    c: 'сϲᴄς',
    d: 'ԁᴅ',
    e: 'еэєεᴇё',
    f: 'ƒғϝ',
    g: 'ɡɢԍ',
    h: 'һнʜ',
    i: 'іıιїɪ',
    j: 'јϳᴊ',
    k: 'кκᴋқ',
    l: 'ӏʟłℓ',
    m: 'мμᴍ',
    n: 'пηɴո',
    o: 'оοσᴏøөօ',
    p: 'рρᴘ',
    q: 'ԛզ',
    r: 'гʀя',
    s: 'ѕꜱ',
    t: 'тτᴛ',
    u: 'υսᴜц',
    v: 'νѵᴠ',
    w: 'ԝωᴡшѡ',
    x: 'хχ×',
    y: 'уүγʏў',
    z: 'ᴢʐ',
  }).flatMap(([latin, others]) => [...others].map((other) => [other, latin] as const)),
)

const usualSeparators: ReadonlySet<string> = new Set(' .-_/,')

const cyrillicKeys = 'йцукенгшщзхъфывапролджэячсмитьбюё'
const latinKeys = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`"

/** In lower case and compatibility form, without accents and invisible characters, with ASCII digits. */
export function spelledPlainly(text: string): string {
  return text
    .normalize('NFKD')
    .replaceAll(/[\p{Mn}\p{Me}\p{C}]/gu, '')
    .normalize('NFKC')
    .toLowerCase()
    .replaceAll(/[^\P{Nd}0-9]/gu, asciiDigit)
}

// Unicode's decimal digits lie together in tens, in order.
function asciiDigit(digit: string): string {
  const code = digit.codePointAt(0) ?? 0
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value += 1
  return String(value)
}

/** The texts that a password may stand for: without separators, repetitions, look-alikes and a foreign keyboard. */
export function spellingsOf(password: string): Spelling[] {
  const plain = spelledPlainly(password)
  const latin = replaceEach(plain, (character) => lookAlikes.get(character))
  const onLatinKeys = replaceEach(plain, (character) => latinKeys[cyrillicKeys.indexOf(character)])
  const found = new Map<string, number>()
  for (const text of new Set([plain, latin, onLatinKeys])) {
    const joined = withoutSeparators({ text, cost: 0 })
    for (const spelling of [{ text, cost: 0 }, joined])
      for (const one of [spelling, wholeUnit(spelling), withoutRepetitions(spelling), withoutDoubling(spelling)])
        found.set(one.text, Math.min(one.cost, found.get(one.text) ?? one.cost))
  }
  return [...found].map(([text, cost]) => ({ text, cost }))
}

function replaceEach(text: string, replacementOf: (character: string) => string | undefined): string {
  return Array.from(text, (character) => replacementOf(character) ?? character).join('')
}

// Symbols that often stand for a letter stay.
function withoutSeparators({ text, cost }: Spelling): Spelling {
  const removed = new Set(text.match(/[^\p{L}\p{N}\p{Mc}@$€£]/gu))
  if (removed.size === 0) return { text, cost }
  const unusual = [...removed].filter((character) => !usualSeparators.has(character)).length
  const extra = 0.3 * (removed.size - unusual) + 1.5 * unusual
  return { text: text.replaceAll(/[^\p{L}\p{N}\p{Mc}@$€£]/gu, ''), cost: cost + Math.max(0.5, extra) }
}

/** The part of which the whole text is a repetition: `secretsecret` becomes `secret`. */
function wholeUnit({ text, cost }: Spelling): Spelling {
  const at = `${text}${text}`.indexOf(text, 1)
  if (at <= 0 || at >= text.length) return { text, cost }
  return { text: text.slice(0, at), cost: cost + repetitionCost(text.length / at) }
}

/** Each repeated part once: `abcabc!!!` becomes `abc!`. */
function withoutRepetitions(spelling: Spelling): Spelling {
  let { text, cost } = spelling
  for (let round = 0; round < 3; round += 1) {
    const shorter = text.replaceAll(repetition, (run: string, unit: string) => {
      cost += repetitionCost(run.length / unit.length)
      return unit
    })
    if (shorter === text) break
    text = shorter
  }
  return { text, cost }
}

/** Each character once, if each was typed twice: `sseeccrreett` becomes `secret`. */
function withoutDoubling({ text, cost }: Spelling): Spelling {
  return /^(?:(.)\1)+$/su.test(text)
    ? { text: text.replaceAll(/(.)\1/gsu, '$1'), cost: cost + repetitionCost(2) }
    : { text, cost }
}

function repetitionCost(count: number): number {
  return 0.3 + Math.log10(count)
}
