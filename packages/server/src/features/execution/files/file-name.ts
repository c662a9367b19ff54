const nameBytesMax = 255
const pathBytesMax = 1_024
const extensionBytesMax = 32
const unnamed = 'file'

// Control characters, line separators, and marks that reverse the reading direction of a name.
const unsafe = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu

/** The base name of a client's file name: no directories, no control characters, at most 255 bytes of UTF-8. */
export function sanitizeName(given: string): string {
  const base = given.toWellFormed().replaceAll(unsafe, '').split(/[/\\]/).at(-1)?.trim() ?? ''
  return base === '' || base === '.' || base === '..' ? unnamed : shorten(base)
}

/** Path of a run's file below /workspace/output: sanitized names separated by `/`, at most 1,024 bytes. */
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

/** Distinct base names for files in one folder (`a.csv`, `a_1.csv`), none of them too long. */
export function namesInOneFolder(paths: readonly string[]): string[] {
  const taken = new Set<string>()
  return paths.map((path) => {
    const name = sanitizeName(path)
    const [stem, extension] = splitExtension(name)
    let unique = name
    for (let copy = 1; taken.has(unique); copy += 1) unique = fitted(stem, `_${copy}${extension}`)
    taken.add(unique)
    return unique
  })
}

/** `Content-Disposition` of a download: an ASCII name for old clients beside the real one (RFC 6266, RFC 8187). */
export function attachment(name: string): string {
  const ascii = name.replaceAll(/[^\x20-\x7e]|["\\%]/gu, '_')
  const encoded = encodeURIComponent(name).replaceAll(
    /['()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}

function shorten(name: string): string {
  const [stem, extension] = splitExtension(name)
  return fitted(stem, extension)
}

// Keeps the extension, which tells people and tools the file type. An overlong one does not count as an extension.
function splitExtension(name: string): [stem: string, extension: string] {
  const dot = name.lastIndexOf('.')
  const isExtension = dot > 0 && Buffer.byteLength(name.slice(dot)) <= extensionBytesMax
  return isExtension ? [name.slice(0, dot), name.slice(dot)] : [name, '']
}

/** The stem, shortened to leave room for the end. */
function fitted(stem: string, end: string): string {
  const room = nameBytesMax - Buffer.byteLength(end)
  if (Buffer.byteLength(stem) <= room) return stem + end
  let kept = ''
  for (const character of stem) {
    if (Buffer.byteLength(kept + character) > room) break
    kept += character
  }
  return kept + end
}
