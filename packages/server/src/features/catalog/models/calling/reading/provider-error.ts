import { pageText } from './provider-text.ts'
import { listOf, recordOf, textOf, type WireRecord } from './wire-values.ts'

/** An error as a model's server reported it, in any of the forms that servers use. The texts are not cleaned. */
export interface ProviderError {
  /** Empty when the server gave no reason. */
  readonly message: string
  /** The words by which the server classifies the error: its codes, types and statuses. */
  readonly words: readonly string[]
  /** The HTTP status that the error names itself. */
  readonly status: number | undefined
  /** The call of a tool that the server could not read; empty when it does not quote it. Undefined otherwise. */
  readonly malformedCall: string | undefined
  /** The wait that the error asks for, in ms. */
  readonly retryAfterMs: number | undefined
}

const depthMax = 6
const layersMax = 16
const textsMax = 3
const jsonCharactersMax = 65_536
/** Longer messages are cut before they are searched. */
const messageCharactersMax = 8_192
const wordCharactersMax = 200

/** Reads an error from a body, an event or a text. */
export function parseProviderError(said: unknown): ProviderError {
  const value = typeof said === 'string' ? jsonIn(said) : said
  const layers = layersOf(value)
  const words = layers.flatMap((layer) => wordFields.flatMap((field) => wordOf(layer[field]) ?? []))
  const message = messageIn(value, 0).slice(0, messageCharactersMax) || (words.find((word) => word !== 'error') ?? '')
  return {
    message: withUpstream(message, layers),
    words,
    status: layers.flatMap((layer) => statusFields.flatMap((field) => statusOf(layer[field]) ?? [])).at(0),
    malformedCall: malformedCallIn(layers, words),
    retryAfterMs: retryDelayIn(layers) ?? delayIn(message),
  }
}

/** The reason that an event or a body gives; empty when it gives none. */
export function reasonIn(value: unknown): string {
  return messageIn(value, 0)
}

/** Whether an event of an answer, or a whole body with status 200, is an error. */
export function isErrorReport(value: unknown): boolean {
  const event = recordOf(value)
  if (event === undefined) return false
  if (event.type === 'error' || event.object === 'error') return true
  if (isReason(event.error) || isReason(event.errors)) return true
  const status = recordOf(event.base_resp)?.status_code
  return typeof status === 'number' && status !== 0
}

// Some servers send an empty error with each event.
function isReason(error: unknown): boolean {
  if (error === true) return true
  return listOf(error).some((item) => messageIn(item, 0) !== '' || textOf(recordOf(item)?.code) !== undefined)
}

const wordFields = ['code', 'type', 'status', 'error_type', 'errorType', '__type', 'error_code']
const statusFields = ['status', 'statusCode', 'status_code', 'code', 'error_code']
const innerFields = ['error', 'errors', 'detail', 'message', 'metadata', 'raw', 'base_resp', 'response']
const messageFields = [
  'error',
  'errors',
  'message',
  'Message',
  'detail',
  'msg',
  'error_message',
  'errorMessage',
  'error_msg',
  'status_msg',
  'error_description',
  'base_resp',
  'title',
  'description',
  'reason',
]

function wordOf(value: unknown): string | undefined {
  return textOf(value)?.slice(0, wordCharactersMax)
}

/** The objects of an error from outside to inside. */
function layersOf(value: unknown): WireRecord[] {
  const layers: WireRecord[] = []
  const queue: unknown[] = [value]
  for (let next = 0; next < queue.length && next < layersMax; next += 1) {
    for (const item of listOf(queue[next]).slice(0, textsMax)) {
      const layer = recordOf(typeof item === 'string' ? jsonIn(item) : item)
      if (layer !== undefined) layers.push(layer)
      queue.push(...innerFields.flatMap((field) => (layer?.[field] === undefined ? [] : [layer[field]])))
    }
  }
  return layers
}

function messageIn(value: unknown, depth: number): string {
  if (depth > depthMax) return ''
  if (typeof value === 'string') {
    const inner = jsonIn(value)
    if (typeof inner !== 'string') return messageIn(inner, depth + 1) || value.trim()
    return quotedIn(value) ?? pageText(value).trim()
  }
  if (Array.isArray(value)) {
    const texts = value.slice(0, textsMax).map((item: unknown) => messageIn(item, depth + 1))
    return texts.filter((text) => text !== '').join('; ')
  }
  const record = recordOf(value)
  if (record === undefined) return ''
  for (const field of messageFields) {
    const text = messageIn(record[field], depth + 1)
    if (text !== '') return placeOf(record) + text
  }
  return ''
}

// The start of a JSON body that was cut.
function quotedIn(text: string): string | undefined {
  if (!/^\s*[{[]/.test(text)) return undefined
  return /"(?:message|detail|msg)"\s*:\s*"((?:[^"\\]|\\.){1,2000})/.exec(text.slice(0, jsonCharactersMax))?.[1]
}

// A validation error names the field that it is about.
function placeOf({ loc }: WireRecord): string {
  const steps = Array.isArray(loc) ? loc.map(String) : []
  return steps.length === 0 ? '' : `${steps.join('.')}: `
}

// A gateway says that its provider failed, and has the provider's own error as text beside it.
function withUpstream(message: string, layers: readonly WireRecord[]): string {
  const raw = layers.map((layer) => layer.raw).find((value) => value !== undefined)
  const upstream = messageIn(raw, 1).slice(0, messageCharactersMax)
  return upstream === '' || message.includes(upstream) ? message : `${message}: ${upstream}`
}

/** A text that is a JSON object or list as that value; any other text unchanged. */
function jsonIn(text: string): unknown {
  if (text.length > jsonCharactersMax || !/^\s*[{[]/.test(text)) return text
  try {
    const value: unknown = JSON.parse(text)
    return value
  } catch {
    return text
  }
}

function statusOf(value: unknown): number | undefined {
  const status = typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value
  return typeof status === 'number' && Number.isInteger(status) && status >= 400 && status <= 599 ? status : undefined
}

function malformedCallIn(layers: readonly WireRecord[], words: readonly string[]): string | undefined {
  const generation = layers.map((layer) => layer.failed_generation).find((value) => typeof value === 'string')
  if (typeof generation === 'string') return generation
  return words.includes('tool_use_failed') ? '' : undefined
}

// google.rpc.RetryInfo
function retryDelayIn(layers: readonly WireRecord[]): number | undefined {
  for (const detail of layers.flatMap((layer) => listOf(layer.details))) {
    const delay = textOf(recordOf(detail)?.retryDelay)
    if (delay !== undefined && /^\d+(\.\d+)?s$/.test(delay)) return Math.round(Number.parseFloat(delay) * 1_000)
  }
  return undefined
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 }

/** The wait that a text names: `try again in 1m2.5s`, `retry in 20 seconds`. */
function delayIn(text: string): number | undefined {
  const named = /(?:try again|retry|wait)(?: after| in| for)? ((?:\d+(?:\.\d+)? ?(?:ms|h|m|s)\w{0,10} ?){1,4})/i.exec(
    text,
  )?.[1]
  if (named === undefined) return undefined
  const parts = named.matchAll(/(\d+(?:\.\d+)?) ?(ms|milli|h|m|s)/gi)
  const sum = [...parts].reduce(
    (ms, [, number, unit]) => ms + Number(number) * (unitMs[unit?.toLowerCase() ?? ''] ?? 1),
    0,
  )
  return Math.round(sum)
}
