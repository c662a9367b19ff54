declare global {
  interface JSON {
    parse(
      text: string,
      reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
    ): unknown
    /** A value that is written as the given JSON text. */
    rawJSON(text: string): object
  }
}

/** Numbers with fewer characters keep all their digits. */
const exactCharacters = 16
const longNumber = /\d[\d.]{15}/

/** Parses JSON; a number whose digits would be lost is kept as it was written, and is written so again. */
export function parseExactJson(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_key, value, { source }) => {
    const isExact = typeof value !== 'number' || source === undefined || source.length < exactCharacters
    return isExact || String(value) === source ? value : JSON.rawJSON(source)
  })
}
