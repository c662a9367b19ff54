/** A file as it should be. Paths are from the repository's root. */
export interface GeneratedFile {
  readonly path: string
  readonly content: string
}

/** The text with what stands between `<!-- name:start -->` and `<!-- name:end -->` replaced. Throws when a marker is missing. */
export function replaceBetween(text: string, name: string, content: string): string {
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`]
  const [from, to] = [text.indexOf(start), text.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`${start} and ${end} are missing.`)
  return `${text.slice(0, from + start.length)}\n${content}\n${text.slice(to)}`
}

/** A row of a Markdown table. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
