const ownDatabase = 'set DATABASE_URL to use your own PostgreSQL'
const noSpaceLeft =
  /No space left on device|Disk quota exceeded|File too large|File size limit exceeded|wrote only \d+ of \d+ bytes/
const outOfSpaceCodes = ['ENOSPC', 'EDQUOT', 'EFBIG']
const notWritableCodes = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']

/** The embedded PostgreSQL cannot run here; the message is one line: the reason, then what the operator can do. */
export class EmbeddedPostgresUnavailable extends Error {
  override readonly name = 'EmbeddedPostgresUnavailable'

  constructor(reason: string, advice = ownDatabase, cause?: unknown) {
    super(`${reason}; ${advice}.`.replace(/\s+/g, ' '), { cause })
  }

  /** The same advice after a remedy that is tried first. */
  static orOwnDatabase(remedy: string): string {
    return `${remedy}, or ${ownDatabase}`
  }
}

/** What a program that did not do its work said, as one line; a full disk is recognised in any wording. */
export function failedProgram(what: string, said: string, dataDir: string): EmbeddedPostgresUnavailable {
  if (noSpaceLeft.test(said)) return outOfSpace(dataDir, said)
  return new EmbeddedPostgresUnavailable(`${what}: ${said.trim() || 'it gave no reason'}`)
}

/** Gives file system errors their one clear line; any other error is a fault of ours and stays as it is. */
export function asUnavailable(error: unknown, dataDir: string): unknown {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return error
  if (outOfSpaceCodes.includes(error.code)) return outOfSpace(dataDir, error)
  if (!notWritableCodes.includes(error.code)) return error
  return new EmbeddedPostgresUnavailable(
    `The embedded PostgreSQL cannot write to DATA_DIR ${dataDir} (${error.message})`,
    EmbeddedPostgresUnavailable.orOwnDatabase('give this user access to it'),
    error,
  )
}

function outOfSpace(dataDir: string, cause: unknown): EmbeddedPostgresUnavailable {
  return new EmbeddedPostgresUnavailable(
    `No space left for the embedded PostgreSQL in DATA_DIR ${dataDir}`,
    EmbeddedPostgresUnavailable.orOwnDatabase('free some'),
    cause,
  )
}
