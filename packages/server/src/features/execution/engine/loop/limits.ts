/** The limits of every run, beside its own timeout and budget. */
export const runLimits = {
  stepsMax: 200,
  tokensMax: 5_000_000,
  /** Entries of the run's journal, and their bytes as JSON. */
  entriesMax: 10_000,
  entryBytesMax: 67_108_864,
  /** Invalid `output` calls after which the run fails with the reasons. */
  outputAttemptsMax: 4,
  /** Reminders to a model that ends without its output. */
  remindersMax: 2,
  /** Attempts after which a run fails: it may be crashing its workers. */
  attemptsMax: 20,
  /** The largest text of one model answer, in bytes. */
  answerBytesMax: 1_048_576,
} as const

export const modelCallLimits = {
  /** Failed calls of one step that the provider asks money for. */
  paidFailuresMax: 5,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  idleTimeoutMs: 120_000,
  totalTimeoutMs: 600_000,
} as const
