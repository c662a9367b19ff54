// Writes every generated file: `node scripts/generate.ts`. With --check it writes nothing, and fails if a file
// would change. The schema's types come from the PostgreSQL server in CODEGEN_DATABASE_URL, or else an embedded one.
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { configTable } from './generated/config-table.ts'
import { errorPages, pageMistakes } from './generated/error-pages.ts'
import { eventsPage } from './generated/events-page.ts'
import type { GeneratedFile } from './generated/generated-file.ts'
import { permissionsPage } from './generated/permissions-page.ts'
import { schemaTypes } from './generated/schema-types.ts'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const root = fileURLToPath(new URL('../', import.meta.url))
const files = await generateAll()
const changed: GeneratedFile[] = []
for (const file of files) if ((await read(file.path)) !== file.content) changed.push(file)
if (!values.check) await writeAll(changed)
const mistakes = pageMistakes(await readPages())
for (const { path } of changed)
  console.log(values.check ? `${path} is not up to date: run \`npm run generate\`.` : `${path} was written.`)
for (const mistake of mistakes) console.log(mistake)
process.exitCode = mistakes.length > 0 || (values.check && changed.length > 0) ? 1 : 0

async function generateAll(): Promise<GeneratedFile[]> {
  return [
    configTable(await read('README.md')),
    ...errorPages(await readPages()),
    eventsPage(),
    permissionsPage(),
    await schemaTypes(process.env['CODEGEN_DATABASE_URL']),
  ]
}

async function readPages(): Promise<Map<string, string>> {
  const names = await readdir(join(root, 'docs/errors')).catch(() => [])
  const pages = new Map<string, string>()
  for (const name of names.filter((each) => each.endsWith('.md') && each !== 'README.md'))
    pages.set(name.replace(/\.md$/, ''), (await read(`docs/errors/${name}`)) ?? '')
  return pages
}

async function read(path: string): Promise<string | undefined> {
  return readFile(join(root, path), 'utf8').catch(() => undefined)
}

async function writeAll(all: readonly GeneratedFile[]): Promise<void> {
  for (const { path, content } of all) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), content)
  }
}
