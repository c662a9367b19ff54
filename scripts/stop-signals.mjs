/**
 * The signals by which a terminal or a supervisor stops a process.
 * @type {readonly NodeJS.Signals[]}
 */
export const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP']

const exitDelayMs = 1_000

/**
 * Ends this process by a signal, so that its parent sees the same reason as for the child.
 * @param {NodeJS.Signals} signal
 */
export function endBySignal(signal) {
  for (const name of stopSignals) process.removeAllListeners(name)
  process.kill(process.pid, signal)
  setTimeout(() => process.exit(1), exitDelayMs)
}
