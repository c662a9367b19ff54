const textCharactersMax = 300
/** Longer texts are cut before they are cleaned, so that cleaning is cheap. */
const rawCharactersMax = 8_192
const secretCharactersMin = 4
const fragmentCharacters = 6

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
  const open = spellings.reduce((rest, spelling) => rest.replaceAll(spelling, redacted), text)
  if (secret.length < fragmentCharacters * 2) return open
  // Providers quote the first or the last characters of a wrong key.
  const start = escaped(secret.slice(0, fragmentCharacters))
  const end = escaped(secret.slice(-secretCharactersMin))
  return open
    .replace(new RegExp(`${start}[\\w*.…-]*`, 'g'), redacted)
    .replace(new RegExp(`[\\w-]*(?:\\*+|\\.{3}|…)${end}`, 'g'), redacted)
}

function escaped(text: string): string {
  return text.replace(/\W/g, '\\$&')
}

const keyPatterns: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=*-]{8,}/gi, `$1 ${redacted}`],
  [/\bsk-[\w*.…-]{4,}/g, redacted],
  [/\b(?:pk|rk|gsk|xai|hf|r8|nvapi|tgp|fw|pplx|csk|ghp)[-_](?=[A-Za-z_*.-]*[\d*])[\w*.…-]{6,}/g, redacted],
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
