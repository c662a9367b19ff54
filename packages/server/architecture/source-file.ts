import { posix } from 'node:path'
import ts from 'typescript'
import { tablesIn, type TableUse } from './tables-in-source.ts'

export interface Import {
  readonly target: string
  readonly typeOnly: boolean
}
export interface Source {
  readonly path: string
  readonly imports: readonly Import[]
  readonly sql: readonly string[]
  readonly readsEnvironment: boolean
  /** Imports without bindings, and without a comment that gives the reason. */
  readonly sideEffects: readonly string[]
  readonly tables: TableUse
}
export type Tree = ReadonlyMap<string, Source>

const sqlCalls = new Set(['selectFrom', 'insertInto', 'updateTable', 'deleteFrom', 'mergeInto'])
const sqlText = /^\s*(select|insert into|update|delete from|with|create|alter|drop|truncate|listen|notify)\s/i

export function readSource(path: string, text: string): Source {
  const imports: Import[] = []
  const sql: string[] = []
  const sideEffects: string[] = []
  let readsEnvironment = false
  function visit(node: ts.Node): void {
    const found = importIn(node)
    if (found !== undefined) imports.push({ target: resolve(path, found.specifier), typeOnly: found.typeOnly })
    const statement = sqlIn(node)
    if (statement !== undefined) sql.push(statement)
    if (isSideEffect(node, text)) sideEffects.push(node.getText(file))
    readsEnvironment ||= isEnvironment(node)
    ts.forEachChild(node, visit)
  }
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest)
  visit(file)
  return { path, imports, sql, readsEnvironment, sideEffects, tables: tablesIn(file) }
}

function resolve(path: string, specifier: string): string {
  return specifier.startsWith('.') ? posix.join(posix.dirname(path), specifier) : specifier
}

function importIn(node: ts.Node): { specifier: string; typeOnly: boolean } | undefined {
  if (ts.isImportDeclaration(node)) return named(node.moduleSpecifier, node.importClause?.isTypeOnly ?? false)
  if (ts.isExportDeclaration(node)) return named(node.moduleSpecifier, node.isTypeOnly)
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) return named(node.argument.literal, true)
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
    return named(node.arguments[0], false)
  return undefined
}

function named(
  specifier: ts.Node | undefined,
  typeOnly: boolean,
): { specifier: string; typeOnly: boolean } | undefined {
  return specifier !== undefined && ts.isStringLiteralLike(specifier)
    ? { specifier: specifier.text, typeOnly }
    : undefined
}

// The comment that gives its reason stands directly above it, or behind it on its line.
function isSideEffect(node: ts.Node, text: string): boolean {
  if (!ts.isImportDeclaration(node) || node.importClause !== undefined) return false
  return (ts.getLeadingCommentRanges(text, node.pos) ?? ts.getTrailingCommentRanges(text, node.end)) === undefined
}

function sqlIn(node: ts.Node): string | undefined {
  if (ts.isTaggedTemplateExpression(node) && ts.isIdentifier(node.tag) && node.tag.text === 'sql') return 'sql`…`'
  if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return undefined
  const { name } = node.expression
  if (sqlCalls.has(name.text)) return `.${name.text}()`
  return name.text === 'query' && isSqlText(node.arguments[0]) ? '.query()' : undefined
}

function isSqlText(node: ts.Node | undefined): boolean {
  if (node === undefined) return false
  if (ts.isObjectLiteralExpression(node))
    return node.properties.some((one) => ts.isPropertyAssignment(one) && isSqlText(one.initializer))
  if (ts.isTemplateExpression(node)) return sqlText.test(`${node.head.text} `)
  return ts.isStringLiteralLike(node) && sqlText.test(node.text)
}

function isEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env'
  if (ts.isElementAccessExpression(node)) return isProcess(node.expression) && namesEnv(node.argumentExpression)
  if (ts.isVariableDeclaration(node) && node.initializer !== undefined && isProcess(node.initializer))
    return takesEnv(node.name)
  return ts.isImportDeclaration(node) && importsEnv(node)
}

function importsEnv(node: ts.ImportDeclaration): boolean {
  if (!/^(node:)?process$/.test(named(node.moduleSpecifier, false)?.specifier ?? '')) return false
  const bindings = node.importClause?.namedBindings
  return (
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.some((one) => namesEnv(one.propertyName ?? one.name))
  )
}

const isProcess = (node: ts.Node): boolean => ts.isIdentifier(node) && node.text === 'process'
const namesEnv = (node: ts.Node): boolean =>
  (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) && node.text === 'env'
function takesEnv(name: ts.BindingName): boolean {
  return ts.isObjectBindingPattern(name) && name.elements.some((one) => namesEnv(one.propertyName ?? one.name))
}
