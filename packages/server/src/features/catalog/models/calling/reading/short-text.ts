import { createHash } from 'node:crypto'
import { textOf } from './wire-values.ts'

const idLengthMax = 1_024
const nameLengthMax = 256

/** A text of at most `max` characters. The engine keeps all of a long text for a part of it, so the part is copied. */
export function shortened(text: string, max: number): string {
  return text.length <= max ? text : copied(text.slice(0, max))
}

/** The id of a call or block; an id of more than 1,024 characters is replaced with its hash. */
export function idOf(value: unknown): string | undefined {
  const id = trimmed(value)
  return id === undefined || id.length <= idLengthMax ? id : createHash('sha256').update(id).digest('hex')
}

/** The name of a tool, cut after 256 characters. */
export function nameOf(value: unknown): string | undefined {
  const name = trimmed(value)
  return name === undefined ? undefined : shortened(name, nameLengthMax)
}

function trimmed(value: unknown): string | undefined {
  const text = textOf(value)
  const inner = text?.trim()
  if (text === undefined || inner === undefined || inner === '') return undefined
  return inner.length === text.length || inner.length > idLengthMax ? inner : copied(inner)
}

function copied(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le')
}
