import type { ValidateFunction } from 'ajv'
import { parentPort } from 'node:worker_threads'
import type { Answer, Question } from './check-messages.ts'
import { compileSchema, mistakesOf, shortMessage } from './compile-schema.ts'
import type { InvalidPart } from '../problems/problem.ts'
import type { JsonSchema } from './json-schema.ts'
import { runWithin, runWithinProcessorTime, TimeLimitReached } from './time-limit.ts'

// The program of a thread that checks values against the schemas of users. It answers one question at a time.
const checkLimitMs = 250
const allMistakesLimitMs = 50
const compileLimitMs = 1_000
const compiledMax = 200
const compiledCharactersMax = 2_000_000

interface Compiled {
  readonly schema: JsonSchema
  /** Ends at the first mistake. */
  readonly first: ValidateFunction
  /** Finds all mistakes; compiled when it is first needed. */
  all: ValidateFunction | undefined
}

/** The compiled schemas by their text, the latest used last. */
const compiled = new Map<string, Compiled>()
let compiledCharacters = 0

function answer(question: Question): Answer {
  try {
    return check(question)
  } catch (error) {
    // Infinite recursion exhausts the stack.
    if (error instanceof RangeError || error instanceof TimeLimitReached) return { tooSlow: true }
    return { unusable: shortMessage(error instanceof Error ? error.message : 'is not a JSON Schema') }
  }
}

function check({ schema, value: text, pointer }: Question): Answer {
  const known = compiledOf(schema)
  if (text === undefined) return { mistakes: [] }
  const value: unknown = JSON.parse(text)
  if (runWithinProcessorTime(checkLimitMs, () => known.first(value)) === true) return { mistakes: [] }
  const mistakes = mistakesOf(known.first, pointer)
  return { mistakes: allMistakes(known, value, pointer) ?? mistakes }
}

// Within a short time, because a million mistakes would exhaust the memory; undefined when it was too short.
function allMistakes(known: Compiled, value: unknown, pointer: string): InvalidPart[] | undefined {
  try {
    const all = (known.all ??= compileWithin(known.schema, true))
    runWithin(allMistakesLimitMs, () => all(value))
    const mistakes = mistakesOf(all, pointer)
    all.errors = null
    return mistakes
  } catch (error) {
    if (error instanceof TimeLimitReached || error instanceof RangeError) return undefined
    throw error
  }
}

// The code of a validator that ends at the first mistake is nested as deeply as an object has properties.
function compileFirst(schema: JsonSchema): ValidateFunction {
  try {
    return compileWithin(schema, false)
  } catch (error) {
    if (error instanceof RangeError) return compileWithin(schema, true)
    throw error
  }
}

function compileWithin(schema: JsonSchema, allErrors: boolean): ValidateFunction {
  return runWithinProcessorTime(compileLimitMs, () => compileSchema(schema, { allErrors }))
}

function compiledOf(text: string): Compiled {
  const known = compiled.get(text)
  if (known !== undefined) {
    compiled.delete(text)
    compiled.set(text, known)
    return known
  }
  const schema = parseSchema(text)
  const made: Compiled = {
    schema,
    first: compileFirst(schema),
    all: undefined,
  }
  compiled.set(text, made)
  compiledCharacters += text.length
  for (const [oldest] of compiled) {
    if (compiled.size <= compiledMax && compiledCharacters <= compiledCharactersMax) break
    compiled.delete(oldest)
    compiledCharacters -= oldest.length
  }
  return made
}

function parseSchema(text: string): JsonSchema {
  const schema: unknown = JSON.parse(text)
  return typeof schema === 'object' && schema !== null ? { ...schema } : {}
}

parentPort?.on('message', (question: Question) => parentPort?.postMessage(answer(question)))
parentPort?.postMessage({ ready: true } satisfies Answer)
