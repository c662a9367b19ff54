// Preloaded into a measured process: reports its memory after a full garbage collection, when the parent asks.
process.on('message', () => {
  globalThis.gc?.()
  globalThis.gc?.()
  process.send?.(process.memoryUsage())
})
process.channel?.unref()
