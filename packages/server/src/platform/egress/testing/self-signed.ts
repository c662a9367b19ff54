import { generateKeyPairSync, sign } from 'node:crypto'

/** A new self-signed certificate for one name, and its key, both as PEM. */
export function selfSigned(name: string): { cert: string; key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const algorithm = sequence(Buffer.from('06032b6570', 'hex'))
  const subject = sequence(der(0x31, sequence(Buffer.from('0603550403', 'hex'), der(0x0c, Buffer.from(name)))))
  const year = 365 * 24 * 60 * 60 * 1000
  const validity = sequence(utcTime(new Date(Date.now() - year)), utcTime(new Date(Date.now() + year)))
  const alternativeName = sequence(Buffer.from('0603551d11', 'hex'), der(0x04, sequence(der(0x82, Buffer.from(name)))))
  const content = sequence(
    der(0xa0, Buffer.from('020102', 'hex')),
    Buffer.from('020101', 'hex'),
    algorithm,
    subject,
    validity,
    subject,
    publicKey.export({ format: 'der', type: 'spki' }),
    der(0xa3, sequence(alternativeName)),
  )
  const certificate = sequence(
    content,
    algorithm,
    der(0x03, Buffer.concat([Buffer.from([0]), sign(null, content, privateKey)])),
  )
  const lines = certificate.toString('base64').replaceAll(/.{64}/g, '$&\n')
  const cert = `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
  return { cert, key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() }
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts))
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content
  return Buffer.concat([Buffer.from(length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 255]), content])
}

function utcTime(time: Date): Buffer {
  return der(0x17, Buffer.from(`${time.toISOString().slice(2, 19).replaceAll(/[-:T]/g, '')}Z`))
}
