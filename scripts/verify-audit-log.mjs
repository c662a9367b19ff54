// Checks an export of the audit log without the server that made it: `node scripts/verify-audit-log.mjs export.jsonl [--head seq:hash]`.
// It shares no code with the server on purpose: what the two agree on is the description in docs/decisions/0009-audit-chain.md.
// Exit code 0: the export is an unbroken chain (that reaches the head, when one is given); 1: it is not; 2: it could not be checked.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'

const usage = 'Usage: node scripts/verify-audit-log.mjs export.jsonl [--head seq:hash]'
const nothing = '0'.repeat(64)
const toldMax = 20

const { file, head } = readArguments()
const found = { first: undefined, last: undefined, headHash: undefined, entries: 0, problems: 0 }
try {
  let number = 0
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    number += 1
    checkLine(line, number)
  }
} catch (error) {
  console.error(`The export can not be read: ${error.message}`)
  process.exit(2)
}
checkEnds()
process.exit(tellResult())

function readArguments() {
  try {
    const { values, positionals } = parseArgs({ allowPositionals: true, options: { head: { type: 'string' } } })
    const [, seq, hash] = /^([1-9]\d*):([0-9a-f]{64})$/.exec(values.head ?? '') ?? []
    if (positionals.length === 1 && (values.head === undefined || hash !== undefined))
      return { file: positionals[0], head: hash === undefined ? undefined : { seq: Number(seq), hash } }
  } catch {
    // Told below.
  }
  console.error(usage)
  process.exit(2)
}

function checkLine(line, number) {
  const parsed = parse(line)
  if (parsed === undefined)
    return tell(`line ${number}`, 'is not an entry of an export (a cut-off file ends like this)')
  const { hash, previousHash, ...entry } = parsed
  const { last } = found
  found.entries += 1
  found.first ??= parsed
  found.last = parsed
  if (head?.seq === entry.seq) found.headHash = hash
  if (hashOf(previousHash, entry) !== hash) tell(`entry ${entry.seq}`, 'was changed: its hash does not fit its content')
  if (last === undefined) {
    if (entry.seq === 1 && previousHash !== nothing)
      tell('entry 1', 'does not begin a chain: it builds on another entry')
    return
  }
  if (entry.organizationId !== last.organizationId)
    tell(`entry ${entry.seq}`, 'belongs to another organization than the entry before it')
  if (entry.seq > last.seq + 1)
    tell(
      `entry ${last.seq + 1}`,
      entry.seq === last.seq + 2 ? 'is missing' : `is missing, and all up to entry ${entry.seq - 1}`,
    )
  else if (entry.seq <= last.seq) tell(`entry ${entry.seq}`, `is out of order: it stands behind entry ${last.seq}`)
  else if (previousHash !== last.hash)
    tell(`entry ${entry.seq}`, `does not build on the entry before it: one of the two was replaced`)
}

function checkEnds() {
  if (found.entries === 0 && head === undefined) return
  if (head === undefined) return
  if (found.headHash === undefined)
    tell(`entry ${head.seq}`, `of the head is missing: the export ends with entry ${found.last?.seq ?? 'none'}`)
  else if (found.headHash !== head.hash)
    tell(`entry ${head.seq}`, 'has another hash than the head: it or an entry before it was replaced')
}

function tellResult() {
  const { first, last, entries, problems } = found
  if (problems > toldMax) console.log(`… and ${problems - toldMax} more.`)
  if (problems > 0) {
    console.log(`INVALID: ${problems} problem${problems === 1 ? '' : 's'} in ${entries} entries.`)
    return 1
  }
  if (last === undefined) console.log('VALID: the export has no entries.')
  else
    console.log(
      `VALID: entries ${first.seq} to ${last.seq} (${entries}) of ${first.organizationId}. Head ${last.seq}:${last.hash}`,
    )
  if (last !== undefined && first.seq > 1)
    console.log(`The export begins with entry ${first.seq}: what was before it is not checked.`)
  if (last !== undefined && head === undefined)
    console.log('No --head was given: entries that were cut off from the end are not noticed.')
  return 0
}

function tell(where, what) {
  found.problems += 1
  if (found.problems <= toldMax) console.log(`${where} ${what}.`)
}

function parse(line) {
  try {
    const value = JSON.parse(line)
    return value !== null &&
      typeof value === 'object' &&
      Number.isSafeInteger(value.seq) &&
      isHash(value.hash) &&
      isHash(value.previousHash)
      ? value
      : undefined
  } catch {
    return undefined
  }
}

function isHash(value) {
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
}

// SHA-256 of the bytes of the previous hash, followed by the entry as RFC 8785 writes JSON.
function hashOf(previousHash, entry) {
  return createHash('sha256').update(Buffer.from(previousHash, 'hex')).update(canonical(entry), 'utf8').digest('hex')
}

function canonical(value) {
  if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']'
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  const names = Object.keys(value).sort()
  return '{' + names.map((name) => JSON.stringify(name) + ':' + canonical(value[name])).join(',') + '}'
}
