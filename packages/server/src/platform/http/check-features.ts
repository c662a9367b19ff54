import { platformIdPrefixes } from '../ids/id.ts'
import { platformWakes } from '../wake/wake.ts'
import type { Feature, Words } from './feature.ts'
import { httpProblems } from './http-problems.ts'

interface Owner extends Words {
  readonly folder: string
}

const platform: Owner = {
  folder: 'platform',
  problems: httpProblems,
  idPrefixes: platformIdPrefixes,
  wakes: platformWakes,
}

/** Checks the features before anything is opened: a word has one owner. Throws an Error with a line for each mistake. */
export function checkFeatures(features: readonly Feature[]): void {
  const owners = [platform, ...features]
  const mistakes = [
    ...findDuplicates('problem code', owners, ({ problems }) => problems),
    ...findDuplicates('id prefix', owners, ({ idPrefixes }) => idPrefixes),
    ...findDuplicates('wake topic', owners, ({ wakes }) => wakes),
  ]
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'))
}

function findDuplicates(
  what: string,
  owners: readonly Owner[],
  wordsOf: (owner: Owner) => object | undefined,
): string[] {
  const ownerOf = new Map<string, string>()
  return owners.flatMap((owner) =>
    Object.keys(wordsOf(owner) ?? {}).flatMap((word) => {
      const other = ownerOf.get(word)
      ownerOf.set(word, owner.folder)
      return other === undefined ? [] : [`The ${what} ${word} is declared by ${other} and by ${owner.folder}.`]
    }),
  )
}
