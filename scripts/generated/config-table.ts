import { features } from '../../packages/server/src/features/index.ts'
import { variablesOf } from '../../packages/server/src/platform/config/config.ts'
import type { Variables } from '../../packages/server/src/platform/config/variables.ts'
import { replaceBetween, tableRow, type GeneratedFile } from './generated-file.ts'

const marker = 'config'

/** README.md with the current table of settings. */
export function configTable(readme: string | undefined, settings: Variables = variablesOf(features)): GeneratedFile {
  const rows = Object.entries(settings).map(([name, { type, defaultText, meaning }]) =>
    tableRow([
      `\`${name}\``,
      type.replaceAll(' | ', ', '),
      defaultText === undefined ? '' : defaultText.startsWith('(') ? defaultText : `\`${defaultText}\``,
      meaning,
    ]),
  )
  const table = [tableRow(['Variable', 'Type', 'Default', 'Meaning']), '|---|---|---|---|', ...rows].join('\n')
  return {
    path: 'README.md',
    content: replaceBetween(readme ?? `<!-- ${marker}:start -->\n<!-- ${marker}:end -->\n`, marker, table),
  }
}
