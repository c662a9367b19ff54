/** Returns a function that starts `work`. Calls during a run cause one more run after it. `work` must not throw. */
export function rerunIfCalled(work: () => Promise<void>): () => void {
  let isRunning = false
  let isCalled = false
  const run = async () => {
    isRunning = true
    while (isCalled) {
      isCalled = false
      await work()
    }
    isRunning = false
  }
  return () => {
    isCalled = true
    if (!isRunning) void run()
  }
}
