import type { InvalidPart } from '../../../platform/problems/problem.ts'

/** The canonical form of a BCP 47 tag (`en-us` → `en-US`), or undefined if the text is not a valid tag. */
export function canonicalLanguage(tag: string): string | undefined {
  try {
    return Intl.getCanonicalLocales(tag)[0]
  } catch {
    return undefined
  }
}

/** The mistakes in a language tag. */
export function findLanguageMistakes(tag: string | null | undefined): InvalidPart[] {
  if (typeof tag !== 'string' || canonicalLanguage(tag) !== undefined) return []
  return [{ pointer: '/language', message: 'must be a BCP 47 language tag such as en or pt-BR', code: 'language' }]
}
