import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'

const Pattern = Type.String({ minLength: 1, description: 'A regular expression, matched case-insensitively.' })
const Milliseconds = Type.Integer({ minimum: 0, maximum: 3_600_000 })
const Tokens = Type.Integer({ minimum: 0 })

const Condition = Type.Object(
  {
    lastToolResult: Type.Optional(
      Type.Object(
        {
          matches: Type.Optional(Pattern),
          toolName: Type.Optional(Type.String()),
          jsonHas: Type.Optional(Type.String({ description: 'A key of the JSON object in the result.' })),
        },
        {
          additionalProperties: false,
          description: 'Only results that came after the latest assistant message count.',
        },
      ),
    ),
    lastUserText: Type.Optional(Type.Object({ matches: Pattern }, { additionalProperties: false })),
  },
  { additionalProperties: false },
)

const ScriptedToolCall = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    arguments: Type.Optional(Type.Unknown({ description: 'JSON; {{placeholders}} in its strings are filled in.' })),
    argumentsText: Type.Optional(Type.String({ description: 'Sent unchanged, for arguments that are not JSON.' })),
  },
  { additionalProperties: false },
)

const Failure = Type.Object(
  {
    attempts: Type.Optional(
      Type.Integer({ minimum: 1, description: 'How many attempts fail this way; all of them when absent.' }),
    ),
    status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599 })),
    message: Type.Optional(Type.String()),
    code: Type.Optional(Type.String()),
    retryAfterSeconds: Type.Optional(Type.Integer({ minimum: 0 })),
    cutAfterChunks: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Answers, but cuts the answer after that many chunks.' }),
    ),
    cut: Type.Optional(
      Type.Union([Type.Literal('destroy'), Type.Literal('end')], {
        description: 'How the answer is cut: the socket is destroyed, or the response ends early.',
      }),
    ),
  },
  { additionalProperties: false },
)

const UsageNumbers = Type.Object(
  {
    inputTokens: Tokens,
    outputTokens: Tokens,
    cacheReadTokens: Type.Optional(Tokens),
    cacheWriteTokens: Type.Optional(Tokens),
  },
  {
    additionalProperties: false,
    description: 'Disjoint counts: inputTokens excludes tokens that were read from or written to the cache.',
  },
)

const Raw = Type.Object(
  {
    status: Type.Optional(Type.Integer({ minimum: 200, maximum: 599 })),
    headers: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: '`content-type: text/event-stream` by default.' }),
    ),
    body: Type.Optional(Type.String({ description: 'Sent as UTF-8.' })),
    bodyBase64: Type.Optional(Type.String({ description: 'The exact bytes, for bodies that are not text.' })),
    events: Type.Optional(
      Type.Array(Type.Unknown(), {
        description: 'Server-sent events, after the body: texts are sent as they are, other values as JSON.',
      }),
    ),
    chunks: Type.Optional(
      Type.Union([Type.Literal('whole'), Type.Literal('lines'), Type.Array(Type.Integer({ minimum: 1 }))], {
        description: 'How the bytes are divided: the sizes of a list are used again from its start.',
      }),
    ),
    cutAfterBytes: Type.Optional(Type.Integer({ minimum: 0, description: 'Destroys the socket after so many bytes.' })),
  },
  { additionalProperties: false, description: 'A reply that no protocol encodes, byte for byte.' },
)

const Step = Type.Object(
  {
    when: Type.Optional(Condition),
    repeatToolCalls: Type.Optional(
      Type.Boolean({ description: 'Repeats the latest tool calls, and stays at this step.' }),
    ),
    thinking: Type.Optional(Type.String()),
    text: Type.Optional(Type.String()),
    toolCalls: Type.Optional(Type.Array(ScriptedToolCall)),
    finishReason: Type.Optional(
      Type.Union([
        Type.Literal('stop'),
        Type.Literal('tool-calls'),
        Type.Literal('length'),
        Type.Literal('content-filter'),
      ]),
    ),
    usage: Type.Optional(UsageNumbers),
    delayMs: Type.Optional(Milliseconds),
    chunkDelayMs: Type.Optional(Milliseconds),
    chunkCharacters: Type.Optional(Type.Integer({ minimum: 1 })),
    failures: Type.Optional(Type.Array(Failure)),
    raw: Type.Optional(Raw),
  },
  { additionalProperties: false },
)

const ScenarioSchema = Type.Object(
  {
    description: Type.Optional(Type.String()),
    steps: Type.Array(Type.Union([Step, Type.Array(Step, { minItems: 1 })]), {
      minItems: 1,
      description:
        'One step per assistant message. In a list of alternatives, the first whose condition holds is played. ' +
        'The last step is repeated.',
    }),
  },
  { additionalProperties: false },
)

export type Condition = Static<typeof Condition>
export type Failure = Static<typeof Failure>
export type Raw = Static<typeof Raw>
export type Step = Static<typeof Step>
/** What the scripted model answers, step by step. */
export type Scenario = Static<typeof ScenarioSchema>

/** A scenario is invalid; the message lists every mistake. */
export class InvalidScenario extends Error {
  override readonly name = 'InvalidScenario'
}

const validator = Compile(ScenarioSchema)

/** Parses a scenario. Throws InvalidScenario with all mistakes. */
export function parseScenario(name: string, value: unknown): Scenario {
  if (!validator.Check(value)) {
    const mistakes = validator.Errors(value).map((error) => `${error.instancePath || '/'} ${error.message}`)
    throw new InvalidScenario(`Scenario '${name}' is invalid: ${mistakes.join('; ')}`)
  }
  for (const pattern of value.steps.flat().flatMap((step) => patternsOf(step.when))) checkPattern(name, pattern)
  return value
}

function patternsOf(when: Condition | undefined): string[] {
  return [when?.lastToolResult?.matches, when?.lastUserText?.matches].filter((pattern) => pattern !== undefined)
}

function checkPattern(name: string, pattern: string): void {
  try {
    new RegExp(pattern, 'iu')
  } catch {
    throw new InvalidScenario(`Scenario '${name}' is invalid: '${pattern}' is not a regular expression`)
  }
}
