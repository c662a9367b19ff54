/** A function that starts `work`; calls while it runs make it run once more. `work` must not throw. */
export function onceMore(work: () => Promise<void>): () => void {
  let running = false
  let again = false
  const run = async () => {
    running = true
    while (again) {
      again = false
      await work()
    }
    running = false
  }
  return () => {
    again = true
    if (!running) void run()
  }
}
