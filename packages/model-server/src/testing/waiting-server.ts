import { startModelServer } from '../model-server.ts'

// The process that the memory test measures: it reports its port, and the memory of its waiting requests.
const server = await startModelServer({ requestsMax: 0 })

process.on('message', (question) => {
  if (question === 'port') process.send?.({ port: server.port })
  else process.send?.(measure())
})

function measure(): object {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  const connections = process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length
  return { bytes: heapUsed + external, requests: server.requests.total, connections }
}
