import type { ErrorObject } from 'ajv'

/** Where a validation error is (RFC 6901), down to the missing or unknown member that it is about. */
export function pointerOf(error: ErrorObject): string {
  const params: Record<string, unknown> = error.params
  const child = error.keyword === 'required' ? params['missingProperty'] : params['additionalProperty']
  return typeof child === 'string' ? `${error.instancePath}/${escapePointer(child)}` : error.instancePath
}

/** A key as a part of a JSON Pointer (RFC 6901). */
export function escapePointer(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}
