import { createPermissions } from '../access/permissions.ts'
import { platformVariables } from '../config/config.ts'
import { platformIdPrefixes } from '../ids/id.ts'
import { platformWakes } from '../wake/wake.ts'
import { listOperations } from './api.ts'
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
  variables: platformVariables,
}

/**
 * Checks that each word has one owner, and that each permission of an endpoint is declared.
 * Throws an Error with one line per mistake.
 */
export function checkFeatures(features: readonly Feature[]): void {
  const owners = [platform, ...features]
  const mistakes = [
    ...findDuplicates('problem code', owners, ({ problems }) => problems),
    ...findDuplicates('id prefix', owners, ({ idPrefixes }) => idPrefixes),
    ...findDuplicates('wake topic', owners, ({ wakes }) => wakes),
    ...findDuplicates('permission resource', owners, ({ permissions }) => permissions),
    ...findDuplicates('variable', owners, ({ variables }) => variables),
    ...findUndeclared(features),
  ]
  if (mistakes.length > 0) throw new Error(mistakes.join('\n'))
}

function findUndeclared(features: readonly Feature[]): string[] {
  const declared = createPermissions(features).of('owner')
  return listOperations(features).flatMap(({ id, endpoint: { permission }, feature }) =>
    permission === 'none' || declared.has(permission)
      ? []
      : [`${id} of ${feature.folder} needs the permission ${permission}, which no feature declares.`],
  )
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
