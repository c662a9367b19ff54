// Preloaded into a measured process: tells its memory after a full collection, when the parent asks.
process.on('message', () => {
  globalThis.gc?.()
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
process.channel?.unref()
