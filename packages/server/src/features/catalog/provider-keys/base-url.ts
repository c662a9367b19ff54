import { findTextMistake } from '../../../platform/egress/egress-url.ts'

/**
 * The mistake in a base URL, as the end of "baseUrl …"; undefined if paths can be appended to it. Looks at the text
 * itself, because a parser drops an empty query or fragment and resolves dot segments.
 */
export function findBaseUrlMistake(text: string): string | undefined {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) return 'must be an http or https URL'
  if (/[?#]/.test(text)) return 'must not have a query or a fragment'
  const wrong = findTextMistake(text)
  if (wrong !== undefined) return wrong === credentials ? `${wrong}: send the key as apiKey` : wrong
  if (/%(?:[01][0-9a-f]|7f|23|3f|5c)/i.test(text))
    return 'must not contain an encoded control character, question mark, number sign or backslash'
  return hasDotSegment(text) ? 'must not have the segments . and .. in its path, nor an encoded dot' : undefined
}

const credentials = 'must not contain credentials'

function hasDotSegment(text: string): boolean {
  // A server may decode slashes before it resolves the segments.
  return /\/\.{1,2}(\/|$)|%2e/i.test(text.replaceAll(/%2f/gi, '/'))
}
