/** Stands in a statement's text for what a template fills in. */
export const hole = '¤'

const beforeTable = new Set(['from', 'join', 'into', 'update', 'using', 'truncate', 'table', 'copy'])
const beforeName = new Set(['only', 'table', 'lateral'])
/** What follows `update` where it is not a statement: `for update of`, `on conflict do update set`. */
const afterOtherUpdate = new Set(['set', 'of', 'skip', 'nowait'])
const tokenPattern = /"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*|[(),.¤]|[^\s]/giu

/**
 * The names that stand where SQL has a table: after from, join, into, update, using and truncate, in lists too.
 * The name of a common table expression is left out where it hides the table. A name from a variable is a `hole`.
 */
export function tablesInSql(text: string): string[] {
  const tokens = tokensOf(text)
  const ctes = ctesIn(tokens)
  const found: string[] = []
  for (let at = 0; at < tokens.length; at += 1) {
    if (!startsTables(tokens, at)) continue
    for (const table of listAfter(tokens, at + 1))
      if (!ctes.some(({ name, end }) => name === table.name && table.at > end)) found.push(table.name)
  }
  return found
}

function tokensOf(text: string): string[] {
  const code = text.replaceAll(/--[^\n]*/g, ' ').replaceAll(/'(?:[^']|'')*'/g, " '' ")
  return (code.match(tokenPattern) ?? []).map((token) =>
    token.startsWith('"') ? token.slice(1, -1) : token.toLowerCase(),
  )
}

function startsTables(tokens: readonly string[], at: number): boolean {
  if (!beforeTable.has(tokens[at] ?? '')) return false
  const [before = '', after = ''] = [tokens[at - 1], tokens[at + 1]]
  // No table follows in `is distinct from`, `for update` and `do update`.
  if (before === 'distinct' || before === '.') return false
  return tokens[at] !== 'update' || (before !== 'for' && before !== 'key' && !afterOtherUpdate.has(after))
}

interface Found {
  readonly name: string
  readonly at: number
}

/** The tables of `a, b as c, (…) d, e`; what is in parentheses is read by itself. */
function listAfter(tokens: readonly string[], start: number): Found[] {
  const found: Found[] = []
  for (let at: number | undefined = start; at !== undefined; ) {
    while (beforeName.has(tokens[at] ?? '')) at += 1
    // The schema of `public.runs`.
    if (tokens[at + 1] === '.') at += 2
    const name = tokens[at]
    if (name === undefined) break
    // Behind the table of an `insert into` stand its columns, behind any other name the arguments of a function.
    const isTable = name !== '(' && (tokens[at + 1] !== '(' || tokens[start - 1] === 'into')
    if (isTable) found.push({ name, at })
    at = nextInList(tokens, at)
  }
  return found
}

/** Where the item of a list that follows the one at `at` begins, or undefined. */
function nextInList(tokens: readonly string[], at: number): number | undefined {
  let next = tokens[at] === '(' ? at : at + 1
  if (tokens[next] === '(') next = closing(tokens, next) + 1
  if (tokens[next] === 'as') next += 1
  if (isName(tokens[next]) && (tokens[next + 1] === ',' || tokens[next + 1] === '(')) next += 1
  if (tokens[next] === '(') next = closing(tokens, next) + 1
  return tokens[next] === ',' ? next + 1 : undefined
}

const isName = (token: string | undefined): boolean => /^[a-z_]/.test(token ?? '')

interface Cte {
  readonly name: string
  /** Where it is visible from; inside its own definition the name is the table's. */
  readonly end: number
}

function ctesIn(tokens: readonly string[]): Cte[] {
  return tokens.flatMap((token, at) => {
    if (token !== 'as' || !tokens.includes('with')) return []
    let open = at + 1
    while (tokens[open] === 'not' || tokens[open] === 'materialized') open += 1
    if (tokens[open] !== '(') return []
    // Before `as` stands the name, with a list of columns behind it perhaps.
    const before = tokens[at - 1] === ')' ? opening(tokens, at - 1) - 1 : at - 1
    const isFirst = ['with', 'recursive', ','].includes(tokens[before - 1] ?? '')
    return isFirst ? [{ name: tokens[before] ?? '', end: closing(tokens, open) }] : []
  })
}

function closing(tokens: readonly string[], open: number): number {
  let depth = 0
  for (let at = open; at < tokens.length; at += 1) {
    if (tokens[at] === '(') depth += 1
    if (tokens[at] === ')') depth -= 1
    if (depth === 0) return at
  }
  return tokens.length
}

function opening(tokens: readonly string[], close: number): number {
  let depth = 0
  for (let at = close; at >= 0; at -= 1) {
    if (tokens[at] === ')') depth += 1
    if (tokens[at] === '(') depth -= 1
    if (depth === 0) return at
  }
  return 0
}
