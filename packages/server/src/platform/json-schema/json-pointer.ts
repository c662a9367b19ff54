import type { ErrorObject } from 'ajv'

const pointerLengthMax = 1_000

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

/**
 * A pointer of at most 1,000 characters: a value can have names of megabytes. The shortened pointer names a value that
 * contains the one that is meant.
 */
export function shortPointer(pointer: string): string {
  return pointer.length <= pointerLengthMax ? pointer : pointer.slice(0, pointer.lastIndexOf('/', pointerLengthMax))
}
