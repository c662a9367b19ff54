const textCharactersMax = 300
/** Longer texts are cut before they are cleaned, so that cleaning is cheap. */
const rawCharactersMax = 8_192
const secretCharactersMin = 4
const fragmentCharacters = 6
/** A piece of the secret of this length is not shown. */
const pieceCharacters = 8

/** A provider's text made safe to show: one short line without keys and control characters. `secret` is our own key. */
export function cleanText(text: string, secret: string): string {
  const open = withoutKeys(withoutSecret(text.slice(0, rawCharactersMax), secret))
  const line = open.replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ').trim()
  return line.length > textCharactersMax ? `${line.slice(0, textCharactersMax)}…` : line
}

const redacted = '[redacted]'

function withoutSecret(text: string, secret: string): string {
  if (secret.length < secretCharactersMin) return text
  const spellings = [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]
  const isSecret = new Uint8Array(text.length)
  markPieces(isSecret, text, [...spellings, ...encodingsOf(secret)])
  const patterns = spellings.map((spelling) => new RegExp(escaped(spelling), 'g'))
  // Providers quote the first or the last characters of a wrong key.
  if (secret.length >= fragmentCharacters * 2) {
    const end = escaped(secret.slice(-secretCharactersMin))
    patterns.push(new RegExp(`${escaped(secret.slice(0, fragmentCharacters))}[\\w*.…-]*`, 'g'))
    patterns.push(new RegExp(`[\\w-]{0,64}(?:\\*+|\\.{3}|…)${end}`, 'g'))
  }
  for (const pattern of patterns)
    for (const { index, 0: found } of text.matchAll(pattern)) isSecret.fill(1, index, index + found.length)
  return withoutMarked(text, isSecret)
}

/** Marks all pieces of the spellings with at least `pieceCharacters`, whatever the case of their letters. */
function markPieces(marks: Uint8Array, text: string, spellings: readonly string[]): void {
  const pieces = new Set<string>()
  for (const spelling of spellings.map(folded))
    for (let at = 0; at + pieceCharacters <= spelling.length; at += 1) pieces.add(pieceAt(spelling, at))
  const searched = folded(text)
  for (let at = 0; at + pieceCharacters <= searched.length; at += 1)
    if (pieces.has(pieceAt(searched, at))) marks.fill(1, at, at + pieceCharacters)
}

function pieceAt(text: string, at: number): string {
  return text.slice(at, at + pieceCharacters)
}

/** The secret in hexadecimal, and in Base64 at each place that it can have within a longer text. */
function encodingsOf(secret: string): string[] {
  const base64 = [0, 1, 2].map((before) => {
    const encoded = Buffer.from(' '.repeat(before) + secret).toString('base64')
    // The first characters depend on what stands before the secret.
    return encoded.slice(before === 0 ? 0 : before + 1)
  })
  return [...base64, Buffer.from(secret).toString('hex')]
}

/** The text with the same length, without a difference between cases of letters and between forms of Base64. */
function folded(text: string): string {
  return text.replace(/[A-Z_-]/g, (character) => foldedCharacters[character] ?? character.toLowerCase())
}

const foldedCharacters: Readonly<Record<string, string>> = { '-': '+', _: '/' }

function withoutMarked(text: string, marks: Uint8Array): string {
  const parts: string[] = []
  for (let start = 0, end = 0; start < text.length; start = end) {
    const next = marks.indexOf(marks[start] === 1 ? 0 : 1, start)
    end = next === -1 ? text.length : next
    parts.push(marks[start] === 1 ? redacted : text.slice(start, end))
  }
  return parts.join('')
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
}

const keyPatterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=*-]{8,}/gi, `$1 ${redacted}`],
  [/\bsk-[\w*.…-]{4,}/g, redacted],
  [/\b(?:pk|rk|gsk|xai|hf|r8|nvapi|tgp|fw|pplx|csk|ghp)[-_](?=[A-Za-z_*.-]{0,200}[\d*])[\w*.…-]{6,}/g, redacted],
  [/\b(?:AIza|AKIA|eyJ)[\w.-]{12,}/g, redacted],
  [/([?&](?:api[-_]?key|key|token|access_token|signature|sig)=)[^&\s"']+/gi, `$1${redacted}`],
  [/[\w-]{0,64}\*{3,}[\w-]{0,64}/g, redacted],
]

function withoutKeys(text: string): string {
  return keyPatterns.reduce((rest, [pattern, instead]) => rest.replace(pattern, instead), text)
}

/** The title or the text of an HTML page; any other text unchanged. */
export function pageText(text: string): string {
  const start = text.slice(0, rawCharactersMax)
  if (!/^\s*<(?:!doctype|html|head|body|h1|title|\?xml|center|div|p\b)/i.test(start)) return text
  const title = /<title[^<>]*>([^<]+)/i.exec(start)?.[1]?.trim()
  const body = start.replace(/<(script|style)[^<>]*>[^<]*<\/\1>/gi, ' ').replace(/<[^<>]*>/g, ' ')
  return (title || body).replace(/&(amp|lt|gt|quot|nbsp|#39);/g, (entity) => entities[entity] ?? entity)
}

const entities: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&nbsp;': ' ',
  '&#39;': "'",
}
