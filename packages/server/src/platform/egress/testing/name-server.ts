import { createSocket } from 'node:dgram'
import ipaddr from 'ipaddr.js'

export interface NameServer {
  /** For `setServers`. */
  readonly address: string
  close(): Promise<void>
}

/** A real DNS server on 127.0.0.1 that returns these addresses. A name without addresses does not exist. */
export async function openNameServer(addressesOf: (name: string) => readonly string[]): Promise<NameServer> {
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => socket.send(answerTo(query, addressesOf), port, address))
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { address: `127.0.0.1:${socket.address().port}`, close: () => new Promise((resolve) => socket.close(resolve)) }
}

const headerBytes = 12
const typeOf = { ipv4: 1, ipv6: 28 } as const

// RFC 1035, section 4: the header, the question as received, one record per address of the wanted type.
function answerTo(query: Buffer, addressesOf: (name: string) => readonly string[]): Buffer {
  const { name, end } = readName(query)
  const type = query.readUInt16BE(end)
  const all = addressesOf(name).map((address) => ipaddr.parse(address))
  const records = all
    .filter((address) => typeOf[address.kind()] === type)
    .map((address) => recordOf(type, Buffer.from(address.toByteArray())))
  const header = Buffer.alloc(headerBytes)
  header.writeUInt16BE(query.readUInt16BE(0), 0)
  header.writeUInt16BE(all.length === 0 ? 0x8183 : 0x8180, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, query.subarray(headerBytes, end + 4), ...records])
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = headerBytes
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

function recordOf(type: number, data: Buffer): Buffer {
  const head = Buffer.from('c00c000000010000000000000000', 'hex').subarray(0, 12)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(data.length, 10)
  return Buffer.concat([head, data])
}
