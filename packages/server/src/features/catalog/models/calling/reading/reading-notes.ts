import { shortened } from './short-text.ts'

/** A tool that the model's server ran by itself. */
export interface ServerToolUse {
  readonly name: string
  /** What the tool was asked, as text or JSON. */
  readonly query?: string
  /** Addresses of the pages that it found. */
  readonly sources: readonly string[]
}

/** What was passed over while an answer was read. */
export interface ReadingReport {
  /** How many events or parts were passed over, by what was wrong with them. */
  readonly skipped: Readonly<Record<string, number>>
  readonly serverTools: readonly ServerToolUse[]
}

const kindsMax = 20
const kindLengthMax = 60
const serverToolsMax = 32
const queryLengthMax = 500
const sourcesMax = 20
const sourceLengthMax = 500

/** Counts what is passed over. Its size is bounded, whatever a server sends. */
export class ReadingNotes {
  readonly #skipped = new Map<string, number>()
  readonly #serverTools: { id: string; name: string; query: string; sources: string[] }[] = []

  /** Counts one event or part that is not read. `kind` may be a server's own word. */
  skip(kind: string): void {
    const short = shortened(kind, kindLengthMax).replace(/[^\w .:,-]/g, '?')
    const key = this.#skipped.size < kindsMax || this.#skipped.has(short) ? short : 'others'
    this.#skipped.set(key, (this.#skipped.get(key) ?? 0) + 1)
  }

  /** Notes that the server runs a tool. */
  serverTool(id: string, name: string, query: string): void {
    if (this.#serverTools.length >= serverToolsMax) return this.skip('server tool')
    const shortName = shortened(name, kindLengthMax)
    this.#serverTools.push({ id, name: shortName, query: shortened(query, queryLengthMax), sources: [] })
  }

  /** Adds what a tool was asked, where it is sent after its start. */
  serverToolQuery(id: string, query: string): void {
    const tool = this.#serverTools.findLast((candidate) => candidate.id === id)
    if (tool !== undefined) tool.query = shortened(query, queryLengthMax)
  }

  /** Adds the sources that the tool with an id has found, or the last tool when no tool has that id. */
  sources(id: string, addresses: readonly string[]): void {
    const tool = this.#serverTools.findLast((candidate) => candidate.id === id) ?? this.#serverTools.at(-1)
    for (const address of addresses)
      if (tool !== undefined && tool.sources.length < sourcesMax) tool.sources.push(shortened(address, sourceLengthMax))
  }

  /** The report; undefined when there is nothing to say. */
  report(): ReadingReport | undefined {
    if (this.#skipped.size === 0 && this.#serverTools.length === 0) return undefined
    const serverTools = this.#serverTools.map(({ name, query, sources }) => ({
      name,
      ...(query === '' ? {} : { query }),
      sources,
    }))
    return { skipped: Object.fromEntries(this.#skipped), serverTools }
  }
}
