import type { ErrorObject } from 'ajv'

/** The JSON Pointer (RFC 6901) of a validation error, including the missing or unknown member. */
export function pointerOf(error: ErrorObject): string {
  const params: Record<string, unknown> = error.params
  const child = error.keyword === 'required' ? params['missingProperty'] : params['additionalProperty']
  return typeof child === 'string' ? `${error.instancePath}/${escapePointer(child)}` : error.instancePath
}

/** A key as a part of a JSON Pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
