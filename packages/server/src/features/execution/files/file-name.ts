const nameBytesMax = 255
const pathBytesMax = 1_024
const extensionBytesMax = 32
const unnamed = 'file'

// Control characters, line separators, and the marks that make a name read in another direction than it is stored.
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** The base name of what a client calls its file: no directories, no control characters, at most 255 bytes of UTF-8. */
export function sanitizeName(given: string): string {
  const base = given.toWellFormed().replaceAll(unsafe, '').split(/[/\\]/).at(-1)?.trim() ?? ''
  return base === '' || base === '.' || base === '..' ? unnamed : shorten(base)
}

/** The path of a run's file below /workspace/output, with `/` between names that are each sanitized; at most 1,024 bytes. */
export function sanitizePath(given: string): string {
  const names = given
    .split('/')
    .filter((name) => name !== '' && name !== '.' && name !== '..')
    .map(sanitizeName)
  while (names.length > 1 && Buffer.byteLength(names.join('/')) > pathBytesMax) names.shift()
  return names.length === 0 ? unnamed : names.join('/')
}

/** The part of a path after its last `/`. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** `Content-Disposition` of a download: an ASCII name for old clients beside the real one (RFC 6266, RFC 8187). */
export function attachment(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_')
  const encoded = encodeURIComponent(name).replaceAll(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`)
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}

// Keeps the extension, by which people and tools know what a file is.
function shorten(name: string): string {
  if (Buffer.byteLength(name) <= nameBytesMax) return name
  const dot = name.lastIndexOf('.')
  const extension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= extensionBytesMax ? name.slice(dot) : ''
  const room = nameBytesMax - Buffer.byteLength(extension)
  let stem = ''
  for (const character of name.slice(0, name.length - extension.length)) {
    if (Buffer.byteLength(stem + character) > room) break
    stem += character
  }
  return stem + extension
}
