/** What one run may use, beyond its own timeout and budget. */
export const runLimits = {
  stepsMax: 200,
  tokensMax: 5_000_000,
  /** Wrong `output` calls after which the run fails with the reasons. */
  outputAttemptsMax: 4,
  /** Times that a model which ends without the output it owes is reminded. */
  remindersMax: 2,
  /** Attempts after which a run that keeps taking its worker down is given up. */
  attemptsMax: 20,
  /** Bytes of one model answer's text. */
  answerBytesMax: 1_048_576,
  outputFilesMax: 200,
} as const

export const modelCallLimits = {
  attemptsMax: 5,
  baseDelayMs: 500,
  maxDelayMs: 30_000,
  idleTimeoutMs: 120_000,
  totalTimeoutMs: 600_000,
} as const

export const sandboxLimits = {
  memoryBytes: 1_073_741_824,
  processesMax: 256,
  diskBytes: 1_073_741_824,
  cpuSeconds: 600,
} as const
