import ts from 'typescript'
import { hole, tablesInSql } from './tables-in-sql.ts'

/** What a source says about tables. */
export interface TableUse {
  /** Names that stand where SQL has a table; functions and aliases may be among them. */
  readonly names: readonly string[]
  /** Calls and statements that take a table's name from a variable. */
  readonly dynamic: readonly string[]
  /** `owns` of the feature that the source declares. */
  readonly owns: readonly string[]
  /** `sharedWith` of that feature: the folders that may use an owned table too. */
  readonly sharedWith: ReadonlyMap<string, readonly string[]>
}

const tableCall =
  /^(selectFrom|insertInto|updateTable|deleteFrom|mergeInto|replaceInto)$|^(inner|left|right|full|cross)Join(Lateral)?$/
// Classes of other libraries have methods of these names, so only a literal argument counts.
const looseCall = /^(from|using)$/
const cteCall = /^with(Recursive)?$/
/** Functions of the platform that build a statement; their first argument is the table. */
const statementCall = /^(removalFrom|keptIn)$/
/** How a string begins that is a statement, or a part of one. */
const sqlString = new RegExp(
  '^[\\s,(]*((not )?exists|lateral)?[\\s(]*' +
    '(select|insert into|update|delete from|with|truncate|from|using|((left|cross) )?join|where|and|or|union)\\s',
  'i',
)

/** The rest of the statement is appended to it. */
const endsBeforeTable = /(^\s*(update|truncate)|\s(from|join|into|using))\s+$/i

/** Reads the tables that a source names: in SQL text, and in calls of the query builder. */
export function tablesIn(file: ts.SourceFile): TableUse {
  const found: FoundNames = { names: new Set(), dynamic: [], ctes: new Set() }
  const owns: string[] = []
  const sharedWith = new Map<string, readonly string[]>()
  function visit(node: ts.Node): void {
    if (ts.isTaggedTemplateExpression(node)) readTagged(node, found)
    else if (isText(node)) readText(node, found)
    if (ts.isCallExpression(node)) {
      readCall(node, found)
      readStatementCall(node, found)
    }
    const declaration = featureIn(node)
    owns.push(...stringsIn(property(declaration, 'owns')))
    for (const [table, folders] of entriesIn(property(declaration, 'sharedWith')))
      sharedWith.set(table, stringsIn(folders))
    // The text of a tagged template was read with its tag.
    ts.forEachChild(node, (child) => (ts.isTaggedTemplateExpression(node) ? visitHoles(child) : visit(child)))
  }
  function visitHoles(node: ts.Node): void {
    if (ts.isTemplateExpression(node)) for (const span of node.templateSpans) visit(span.expression)
    else if (!ts.isNoSubstitutionTemplateLiteral(node)) visit(node)
  }
  visit(file)
  return { names: [...found.names].filter((name) => !found.ctes.has(name)), dynamic: found.dynamic, owns, sharedWith }
}

interface FoundNames {
  readonly names: Set<string>
  readonly dynamic: string[]
  readonly ctes: Set<string>
}

type Text = ts.StringLiteralLike | ts.TemplateExpression

const isText = (node: ts.Node): node is Text => ts.isStringLiteralLike(node) || ts.isTemplateExpression(node)

function textOf(node: ts.TemplateLiteral | Text): string {
  if (!ts.isTemplateExpression(node)) return node.text
  return node.head.text + node.templateSpans.map(({ literal }) => hole + literal.text).join('')
}

// What fills a hole of a tagged template is a fragment, which is read where it is written.
function readTagged({ tag, template }: ts.TaggedTemplateExpression, { names }: FoundNames): void {
  if (!ts.isIdentifier(tag) || tag.text !== 'sql') return
  for (const name of tablesInSql(textOf(template))) if (name !== hole) names.add(name)
}

function readText(node: Text, { names, dynamic }: FoundNames): void {
  const text = textOf(node)
  if (!sqlString.test(`${text} `)) return
  if (endsBeforeTable.test(text)) dynamic.push('a statement with a table from a variable')
  for (const name of tablesInSql(text)) {
    if (name === hole) dynamic.push('a statement with a table from a variable')
    else names.add(name)
  }
}

function readCall({ expression: callee, arguments: [first] }: ts.CallExpression, found: FoundNames): void {
  if (first === undefined || !ts.isPropertyAccessExpression(callee)) return
  const kind = kindOf(callee)
  const items = ts.isArrayLiteralExpression(first) ? [...first.elements] : [first]
  const names = items.flatMap((item) => nameIn(item) ?? [])
  if (kind === 'cte') for (const name of names) found.ctes.add(name)
  if (kind === 'tables' || kind === 'perhaps') for (const name of names) found.names.add(name)
  if (kind === 'tables' && items.some(isVariable))
    found.dynamic.push(`.${callee.name.text}() with a table from a variable`)
}

function readStatementCall({ expression, arguments: [table] }: ts.CallExpression, found: FoundNames): void {
  if (table === undefined || !ts.isIdentifier(expression) || !statementCall.test(expression.text)) return
  if (ts.isStringLiteralLike(table)) found.names.add(table.text)
  else found.dynamic.push(`${expression.text}() with a table from a variable`)
}

function kindOf(callee: ts.PropertyAccessExpression): 'cte' | 'tables' | 'perhaps' | undefined {
  const method = callee.name.text
  if (cteCall.test(method)) return 'cte'
  if (tableCall.test(method) || isOfSql(callee, /^table$/)) return 'tables'
  // These name columns too, so only a table's literal name counts.
  return looseCall.test(method) || isOfSql(callee, /^(id|raw)$/) ? 'perhaps' : undefined
}

const isOfSql = ({ name, expression }: ts.PropertyAccessExpression, method: RegExp): boolean =>
  method.test(name.text) && ts.isIdentifier(expression) && expression.text === 'sql'

/** The table of `'runs as r'`. */
function nameIn(node: ts.Node): string | undefined {
  return ts.isStringLiteralLike(node) ? /^\w+/.exec(node.text.trim())?.[0] : undefined
}

/** False for a name, and for a subquery: a function, a call or a template with a tag. */
function isVariable(node: ts.Node): boolean {
  if (nameIn(node) !== undefined) return false
  return !ts.isArrowFunction(node) && !ts.isCallExpression(node) && !ts.isTaggedTemplateExpression(node)
}

function featureIn(node: ts.Node): ts.Node | undefined {
  const isFeature = ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'feature'
  return isFeature ? node.arguments[0] : undefined
}

function property(node: ts.Node | undefined, name: string): ts.Node | undefined {
  return entriesIn(node).find(([key]) => key === name)?.[1]
}

function entriesIn(node: ts.Node | undefined): [string, ts.Node][] {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return []
  return node.properties.flatMap((one) =>
    ts.isPropertyAssignment(one) && (ts.isIdentifier(one.name) || ts.isStringLiteralLike(one.name))
      ? [[one.name.text, one.initializer]]
      : [],
  )
}

function stringsIn(node: ts.Node | undefined): string[] {
  if (node === undefined || !ts.isArrayLiteralExpression(node)) return []
  return node.elements.flatMap((element) => (ts.isStringLiteralLike(element) ? [element.text] : []))
}
