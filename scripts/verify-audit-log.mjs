// Verifies an export of the audit log, without the server: `node verify-audit-log.mjs export.jsonl [--head seq:hash]`.
// It shares no code with the server on purpose. Both follow the description in docs/decisions/0009-audit-chain.md.
// Exit code 0: the export is an unbroken chain (up to the head, if one is given). 1: it is not. 2: not checkable.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

/** @typedef {Record<string, unknown> & { seq: number, hash: string, previousHash: string }} Entry */
/** @typedef {{ seq: number, hash: string }} Head */

const usage = 'Usage: node scripts/verify-audit-log.mjs export.jsonl [--head seq:hash]'
const zeros = '0'.repeat(64)
const shownMax = 20

const { file, head } = readArguments()

/** @type {{ first?: Entry, last?: Entry, headHash?: string, entries: number, problems: number }} */
const found = { entries: 0, problems: 0 }
try {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    number += 1
    checkLine(line, number)
  }
} catch (error) {
  console.error(`The export cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  process.exit(2)
}
if (head !== undefined) checkHead(head)
process.exit(printResult())

/** @returns {{ file: string, head: Head | undefined }} */
function readArguments() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { head: { type: 'string' } } })
    const [, seq, hash] = /^([1-9]\d*):([0-9a-f]{64})$/.exec(values.head ?? '') ?? []
    const [path] = positionals
    if (path !== undefined && positionals.length === 1 && (values.head === undefined || hash !== undefined))
      return { file: path, head: hash === undefined ? undefined : { seq: Number(seq), hash } }
  } catch {
    // Prints the usage below.
  }
  console.error(usage)
  process.exit(2)
}

/**
 * @param {string} line
 * @param {number} number
 */
function checkLine(line, number) {
  const entry = parse(line)
  if (entry === undefined)
    return report(`line ${number}`, 'is not an entry of an export (a file that was cut off ends like this)')
  const { last } = found
  found.entries += 1
  found.first ??= entry
  found.last = entry
  if (head?.seq === entry.seq) found.headHash = entry.hash
  if (hashOf(entry) !== entry.hash) report(`entry ${entry.seq}`, 'was changed: its hash does not match its content')
  if (last !== undefined) checkLink(entry, last)
  else if (entry.seq === 1 && entry.previousHash !== zeros)
    report('entry 1', 'is not the start of a chain: it follows another entry')
}

/**
 * Checks that an entry follows the entry before it.
 * @param {Entry} entry
 * @param {Entry} last
 */
function checkLink(entry, last) {
  if (entry['organizationId'] !== last['organizationId'])
    report(`entry ${entry.seq}`, 'belongs to another organization than the entry before it')
  if (entry.seq === last.seq + 2) report(`entry ${last.seq + 1}`, 'is missing')
  else if (entry.seq > last.seq + 2) report(`entry ${last.seq + 1}`, `is missing, and all up to entry ${entry.seq - 1}`)
  else if (entry.seq <= last.seq) report(`entry ${entry.seq}`, `is out of order: it comes after entry ${last.seq}`)
  else if (entry.previousHash !== last.hash)
    report(`entry ${entry.seq}`, 'does not follow the entry before it: one of the two was replaced')
}

/** @param {Head} expected */
function checkHead({ seq, hash }) {
  if (found.headHash === undefined)
    report(`entry ${seq}`, `of the head is missing: the export ends with entry ${found.last?.seq ?? 'none'}`)
  else if (found.headHash !== hash)
    report(`entry ${seq}`, 'has another hash than the head: it or an entry before it was replaced')
}

function printResult() {
  const { first, last, entries, problems } = found
  if (problems > shownMax) console.log(`… and ${problems - shownMax} more.`)
  if (problems > 0) {
    console.log(`INVALID: ${problems} problem${problems === 1 ? '' : 's'} in ${entries} entries.`)
    return 1
  }
  if (first === undefined || last === undefined) {
    console.log('VALID: the export has no entries.')
    return 0
  }
  const range = `entries ${first.seq} to ${last.seq} (${entries})`
  console.log(`VALID: ${range} of ${first['organizationId']}. Head ${last.seq}:${last.hash}`)
  if (first.seq > 1) console.log(`The export begins with entry ${first.seq}: earlier entries are not checked.`)
  if (head === undefined) console.log('No --head was given: entries that were cut off from the end cannot be detected.')
  return 0
}

/**
 * @param {string} where
 * @param {string} what
 */
function report(where, what) {
  found.problems += 1
  if (found.problems <= shownMax) console.log(`${where} ${what}.`)
}

/** @param {string} line */
function parse(line) {
  try {
    /** @type {unknown} */
    const value = JSON.parse(line)
    return isEntry(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * @param {unknown} value
 * @returns {value is Entry}
 */
function isEntry(value) {
  return isRecord(value) && Number.isSafeInteger(value['seq']) && isHash(value['hash']) && isHash(value['previousHash'])
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isRecord(value) {
  return typeof value === 'object' && value !== null
}

/** @param {unknown} value */
function isHash(value) {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

/**
 * SHA-256 of the bytes of the previous hash, followed by the entry's other fields as RFC 8785 JSON.
 * @param {Entry} entry
 */
function hashOf({ hash: _, previousHash, ...fields }) {
  return createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(canonical(fields), 'utf8').digest('hex')
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function canonical(value) {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (!isRecord(value)) return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(',')}}`
}
