// A little `jq` for machines without one: enough of its language for the guides. `jq [-r] [-e] [-c] [-s] [--arg name value] filter < json`
import { readFileSync } from 'node:fs'

type Json = unknown
type Variables = ReadonlyMap<string, Json>
/** A filter: from one value to any number of them. */
type Filter = (input: Json, variables: Variables) => Json[]

const tokenPattern = /\s*("(?:[^"\\]|\\.)*"|\$?[A-Za-z_][A-Za-z0-9_]*|\d+(?:\.\d+)?|==|!=|<=|>=|\/\/|\.\.|[.[\]{}(),;:|<>+-])/y

function tokenize(text: string): string[] {
  const tokens: string[] = []
  tokenPattern.lastIndex = 0
  while (text.slice(tokenPattern.lastIndex).trim() !== '') {
    const at = tokenPattern.lastIndex
    const token = tokenPattern.exec(text)?.[1]
    if (token === undefined) throw new Error(`This little jq does not understand: ${text.slice(at)}`)
    tokens.push(token)
  }
  return tokens
}

class Parser {
  readonly #tokens: string[]
  #at = 0

  constructor(text: string) {
    this.#tokens = tokenize(text)
  }

  parse(): Filter {
    const filter = this.#pipe()
    if (this.#peek() !== undefined) throw new Error(`This little jq does not understand: ${this.#tokens.slice(this.#at).join(' ')}`)
    return filter
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at]
  }

  #take(token: string): boolean {
    if (this.#peek() !== token) return false
    this.#at += 1
    return true
  }

  #must(token: string): void {
    if (!this.#take(token)) throw new Error(`This little jq misses ${token} before: ${this.#tokens.slice(this.#at).join(' ')}`)
  }

  #pipe(): Filter {
    const left = this.#comma()
    if (!this.#take('|')) return left
    const right = this.#pipe()
    return (input, variables) => left(input, variables).flatMap((value) => right(value, variables))
  }

  #comma(): Filter {
    const parts = [this.#operation(0)]
    while (this.#take(',')) parts.push(this.#operation(0))
    return (input, variables) => parts.flatMap((part) => part(input, variables))
  }

  #operation(level: number): Filter {
    const operators = levels[level]
    if (operators === undefined) return this.#postfix()
    let left = this.#operation(level + 1)
    for (;;) {
      const operate = operators[this.#peek() ?? '']
      if (operate === undefined) return left
      this.#at += 1
      const [first, second] = [left, this.#operation(level + 1)]
      left = level === 0 ? alternative(first, second) : (input, variables) => second(input, variables).flatMap((b) => first(input, variables).map((a) => operate(a, b)))
    }
  }

  #postfix(): Filter {
    let filter = this.#primary()
    for (;;) {
      const next = this.#peek()
      if (next !== '[' && !(next === '.' && /^[A-Za-z_"]/.test(this.#tokens[this.#at + 1] ?? ''))) return filter
      const step = this.#take('.') ? this.#name() : this.#brackets()
      const before = filter
      filter = (input, variables) => before(input, variables).flatMap((value) => step(value, variables, input))
    }
  }

  #name(): Step {
    const token = this.#tokens[this.#at++] ?? ''
    const key: string = token.startsWith('"') ? String(JSON.parse(token)) : token
    return (value) => [memberOf(value, key)]
  }

  #brackets(): Step {
    this.#must('[')
    if (this.#take(']')) return (value) => (Array.isArray(value) ? value : Object.values(Object(value)))
    if (this.#take(':')) return this.#slice(() => [0])
    const index = this.#pipe()
    if (this.#take(':')) return this.#slice(index)
    this.#must(']')
    return (value, variables, input) => index(input, variables).map((key) => memberOf(value, key))
  }

  #slice(from: Filter): Step {
    const to: Filter = this.#peek() === ']' ? () => [undefined] : this.#pipe()
    this.#must(']')
    return (value, variables, input) => {
      const [start, end] = [Number(from(input, variables)[0]), to(input, variables)[0]]
      const stop = end === undefined ? undefined : Number(end)
      return [typeof value === 'string' ? value.slice(start, stop) : Array.isArray(value) ? value.slice(start, stop) : null]
    }
  }

  #primary(): Filter {
    if (this.#take('.')) return this.#path()
    if (this.#take('(')) return this.#group()
    if (this.#take('[')) return this.#list()
    if (this.#take('{')) return this.#object()
    if (this.#take('-')) return negate(this.#postfix())
    const token = this.#tokens[this.#at++] ?? ''
    if (token.startsWith('"')) return interpolate(token.slice(1, -1))
    if (/^\d/.test(token)) return constant(JSON.parse(token))
    if (token.startsWith('$')) return (_input, variables) => [variables.get(token.slice(1)) ?? null]
    return this.#call(token)
  }

  #path(): Filter {
    if (!/^[A-Za-z_"]/.test(this.#peek() ?? '')) return (input) => [input]
    const step = this.#name()
    return (input, variables) => step(input, variables, input)
  }

  #group(): Filter {
    const inner = this.#pipe()
    this.#must(')')
    return inner
  }

  /** `condition`, or `generator; condition` as one list to look through. */
  #arguments(): Filter {
    const first = this.#pipe()
    if (this.#take(')')) return first
    this.#must(';')
    const second = this.#group()
    return (input, variables) => first(input, variables).flatMap((value) => second(value, variables))
  }

  /** `del(.a, .b)`: members of the input itself. */
  #del(): Filter {
    const keys = new Set<string>()
    this.#must('(')
    do {
      this.#must('.')
      keys.add((this.#tokens[this.#at++] ?? '').replaceAll('"', ''))
    } while (this.#take(','))
    this.#must(')')
    return (input) => [Object.fromEntries(Object.entries(Object(input)).filter(([key]) => !keys.has(key)))]
  }

  #list(): Filter {
    if (this.#take(']')) return constant([])
    const inner = this.#pipe()
    this.#must(']')
    return (input, variables) => [inner(input, variables)]
  }

  #object(): Filter {
    const members: [string, Filter][] = []
    while (!this.#take('}')) {
      const token = this.#tokens[this.#at++] ?? ''
      const key: string = token.startsWith('"') ? String(JSON.parse(token)) : token.replace(/^\$/, '')
      members.push([key, this.#take(':') ? this.#operation(0) : token.startsWith('$') ? (_input, variables) => [variables.get(key)] : (input) => [memberOf(input, key)]])
      this.#take(',')
    }
    return (input, variables) => [Object.fromEntries(members.map(([key, value]) => [key, value(input, variables)[0]]))]
  }

  #call(name: string): Filter {
    if (name === 'del') return this.#del()
    if (name === 'empty') return () => []
    const argument = this.#take('(') ? this.#arguments() : undefined
    const known = argument === undefined ? plain[name] : undefined
    if (known !== undefined) return (input) => [known(input)]
    const taking = argument === undefined ? undefined : withArgument[name]
    if (taking === undefined || argument === undefined) throw new Error(`This little jq does not know ${name}: use something simpler in the guide, or teach it in tests/jq.ts.`)
    return taking(argument)
  }
}

type Step = (value: Json, variables: Variables, input: Json) => Json[]
type Operators = Readonly<Record<string, (a: Json, b: Json) => Json>>

const levels: readonly Operators[] = [
  { '//': (a, b) => (isTrue(a) ? a : b) },
  { or: (a, b) => isTrue(a) || isTrue(b) },
  { and: (a, b) => isTrue(a) && isTrue(b) },
  {
    '==': (a, b) => JSON.stringify(a) === JSON.stringify(b),
    '!=': (a, b) => JSON.stringify(a) !== JSON.stringify(b),
    '<': (a, b) => compare(a, b) < 0,
    '>': (a, b) => compare(a, b) > 0,
    '<=': (a, b) => compare(a, b) <= 0,
    '>=': (a, b) => compare(a, b) >= 0,
  },
  { '+': (a, b) => (typeof a === 'number' && typeof b === 'number' ? a + b : `${String(a)}${String(b)}`), '-': (a, b) => Number(a) - Number(b) },
]

const plain: Readonly<Record<string, (input: Json) => Json>> = {
  length: (input) => (typeof input === 'string' || Array.isArray(input) ? input.length : Object.keys(Object(input)).length),
  keys: (input) => (Array.isArray(input) ? [...input.keys()] : Object.keys(Object(input)).sort()),
  first: (input) => (Array.isArray(input) ? input[0] : null),
  last: (input) => (Array.isArray(input) ? input.at(-1) : null),
  not: (input) => !isTrue(input),
  true: () => true,
  false: () => false,
  null: () => null,
  any: (input) => Array.isArray(input) && input.some(isTrue),
  all: (input) => Array.isArray(input) && input.every(isTrue),
  tostring: (input) => (typeof input === 'string' ? input : JSON.stringify(input)),
  fromjson: (input) => JSON.parse(String(input)),
  type: (input) => (input === null ? 'null' : Array.isArray(input) ? 'array' : typeof input),
}

const withArgument: Readonly<Record<string, (argument: Filter) => Filter>> = {
  select: (condition) => (input, variables) => (condition(input, variables).some(isTrue) ? [input] : []),
  map: (change) => (input, variables) => [Array.isArray(input) ? input.flatMap((each) => change(each, variables)) : null],
  any: (condition) => (input, variables) => [(Array.isArray(input) ? input : [input]).some((each) => condition(each, variables).some(isTrue))],
  all: (condition) => (input, variables) => [(Array.isArray(input) ? input : [input]).every((each) => condition(each, variables).every(isTrue))],
  has: (key) => (input, variables) => [Object.hasOwn(Object(input), String(key(input, variables)[0]))],
  split: (separator) => (input, variables) => [String(input).split(String(separator(input, variables)[0]))],
  join: (separator) => (input, variables) => [Array.isArray(input) ? input.join(String(separator(input, variables)[0])) : null],
  startswith: (start) => (input, variables) => [String(input).startsWith(String(start(input, variables)[0]))],
  test: (pattern) => (input, variables) => [new RegExp(String(pattern(input, variables)[0])).test(String(input))],
}

/** What the first gives that is true, else what the second gives. */
function alternative(first: Filter, second: Filter): Filter {
  return (input, variables) => {
    const found = first(input, variables).filter(isTrue)
    return found.length > 0 ? found : second(input, variables)
  }
}

/** A text with `\\(filters)` in it. */
function interpolate(token: string): Filter {
  const parts = token.split(/\\\(([^)]*)\)/).map((part, index) => (index % 2 === 0 ? constant(JSON.parse(`"${part}"`)) : new Parser(part).parse()))
  return (input, variables) => [parts.map((part) => part(input, variables)[0]).map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join('')]
}

function constant(value: Json): Filter {
  return () => [value]
}

function negate(filter: Filter): Filter {
  return (input, variables) => filter(input, variables).map((value) => -Number(value))
}

function isTrue(value: Json): boolean {
  return value !== false && value !== null && value !== undefined
}

function compare(a: Json, b: Json): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b))
}

function memberOf(value: Json, key: Json): Json {
  if (Array.isArray(value)) return value.at(Number(key)) ?? null
  return typeof value === 'object' && value !== null ? (Object.entries(value).find(([name]) => name === key)?.[1] ?? null) : null
}

function parseAll(text: string): Json[] {
  try {
    return [JSON.parse(text)]
  } catch {
    // JSON Lines.
    return text.split('\n').filter((line) => line.trim() !== '').map((line) => JSON.parse(line))
  }
}

interface CommandLine {
  readonly flags: ReadonlySet<string>
  readonly variables: Variables
  /** The filter, and a file. */
  readonly rest: readonly string[]
}

function parseCommandLine(words: readonly string[]): CommandLine {
  const variables = new Map<string, Json>()
  const flags = new Set<string>()
  const rest: string[] = []
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === '--arg') variables.set(words[++at] ?? '', words[++at] ?? '')
    else if (/^-[a-z]+$/.test(word)) for (const flag of word.slice(1)) flags.add(flag)
    else rest.push(word)
  }
  return { flags, variables, rest }
}

function readInputs({ flags, rest }: CommandLine): Json[] {
  if (flags.has('n')) return [null]
  const inputs = parseAll(readFileSync(rest[1] ?? 0, 'utf8'))
  return flags.has('s') ? [inputs] : inputs
}

function main(words: readonly string[]): number {
  const line = parseCommandLine(words)
  const filter = new Parser(line.rest[0] ?? '.').parse()
  const outputs = readInputs(line).flatMap((input) => filter(input, line.variables))
  const show = (output: Json) => (line.flags.has('r') && typeof output === 'string' ? output : JSON.stringify(output, null, line.flags.has('c') ? 0 : 2))
  for (const output of outputs) process.stdout.write(`${show(output)}\n`)
  return line.flags.has('e') && !isTrue(outputs.at(-1)) ? 1 : 0
}

process.exitCode = main(process.argv.slice(2))
