import { extname } from 'node:path'

/** The content type of a file of unknown type. */
const unknownType = 'application/octet-stream'

const mediaType = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}$/

/** The media type (RFC 6838) that a client sent for its file, or the unknown type. */
export function toContentType(given: string): string {
  const type = given.trim().toLowerCase()
  return mediaType.test(type) ? type : unknownType
}

const byExtension: Readonly<Record<string, string>> = {
  '.csv': 'text/csv',
  '.gif': 'image/gif',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.webp': 'image/webp',
  '.xlsx': 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  '.xml': 'application/xml',
  '.zip': 'application/zip',
}

/** The type that a file's name suggests. */
export function guessContentType(name: string): string {
  return byExtension[extname(name).toLowerCase()] ?? unknownType
}
