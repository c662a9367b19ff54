const ownDatabase = 'set DATABASE_URL to use your own PostgreSQL'
const noSpaceLeft =
  /No space left on device|Disk quota exceeded|File too large|File size limit exceeded|wrote only \d+ of \d+ bytes/
const outOfSpaceCodes = ['ENOSPC', 'EDQUOT', 'EFBIG']
const notWritableCodes = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR', 'EEXIST']

/** The embedded PostgreSQL cannot run here. The message is one line: the reason, then a remedy for the operator. */
export class EmbeddedPostgresUnavailable extends Error {
  override readonly name = 'EmbeddedPostgresUnavailable'

  constructor(reason: string, advice = ownDatabase, cause?: unknown) {
    super(`${reason}; ${advice}.`.replace(/\s+/g, ' '), { cause })
  }

  /** The default advice, after another remedy. */
  static orOwnDatabase(remedy: string): string {
    return `${remedy}, or ${ownDatabase}`
  }
}

/** The error of a failed program, as one line. Recognises a full disk from any of its messages. */
export function failedProgram(what: string, said: string, dataDir: string): EmbeddedPostgresUnavailable {
  if (noSpaceLeft.test(said)) return outOfSpace(dataDir, said)
  return new EmbeddedPostgresUnavailable(`${what}: ${said.trim() || 'it gave no reason'}`)
}

/** Converts file system errors to one clear line; any other error is a bug and is returned unchanged. */
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
