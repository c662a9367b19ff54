// Typed access to parsed JSON, with built-in modules only.

/** @typedef {Readonly<Record<string, unknown>>} JsonRecord */

/**
 * The value if it is an object, else an empty object.
 * @param {unknown} value
 * @returns {JsonRecord}
 */
export function recordOf(value) {
  return isRecord(value) ? value : {}
}

/**
 * The value if it is an array, else an empty array.
 * @param {unknown} value
 * @returns {readonly unknown[]}
 */
export function listOf(value) {
  return Array.isArray(value) ? value : []
}

/**
 * @param {unknown} value
 * @returns {value is JsonRecord}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
