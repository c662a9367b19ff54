const quote = 34
const backslash = 92
const comma = 44
const openers = new Set([91, 123])
const closers = new Set([93, 125])

/** The most levels of objects and lists in a tool call's arguments or in one event of an answer. */
export const jsonDepthMax = 100

/** How deeply a JSON text is nested, and how many commas separate its values. Any text has a shape. */
export function jsonShapeOf(text: string): { readonly depth: number; readonly commas: number } {
  let depth = 0
  let depthMax = 0
  let commas = 0
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === quote) at = endOfString(text, at)
    else if (code === comma) commas += 1
    else if (openers.has(code)) depthMax = Math.max(depthMax, (depth += 1))
    else if (closers.has(code)) depth -= 1
  }
  return { depth: depthMax, commas }
}

/**
 * The arguments of a tool call. Undefined when the text is not a JSON object, or nested deeper than `jsonDepthMax`:
 * recursive code, such as of the database, could not handle it.
 */
export function parseCallArguments(text: string): Record<string, unknown> | undefined {
  if (jsonShapeOf(text).depth > jsonDepthMax) return undefined
  try {
    const parsed: unknown = JSON.parse(text.trim() === '' ? '{}' : text)
    return typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed) ? { ...parsed } : undefined
  } catch {
    return undefined
  }
}

/** The place of the quote that ends the string which starts at `start`. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = end
    while (text.charCodeAt(slashes - 1) === backslash && slashes - 1 > start) slashes -= 1
    if ((end - slashes) % 2 === 0) return end
  }
  return text.length
}
