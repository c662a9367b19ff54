import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

interface Ceremony {
  readonly challenge: string
  readonly origin: string
  readonly rpId: string
  /** Whether it claims to have verified its user; defaults to true. */
  readonly userVerified?: boolean
}

/** An authenticator with one key: the part of WebAuthn (level 2) that registration and sign-in need. */
export interface SoftwareAuthenticator {
  readonly credentialId: string
  /** The `response` of a registration, as a browser creates it from `navigator.credentials.create`. */
  register(ceremony: Ceremony): object
  /** The `response` of a sign-in, as a browser creates it from `navigator.credentials.get`. */
  signIn(ceremony: Ceremony): object
}

export function createAuthenticator(): SoftwareAuthenticator {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const rawId = randomBytes(16)
  const credentialId = rawId.toString('base64url')
  let counter = 0
  const authenticatorData = ({ rpId, userVerified = true }: Ceremony, attested = Buffer.alloc(0)) => {
    counter += 1
    const flags = 0x01 | (userVerified ? 0x04 : 0) | (attested.length > 0 ? 0x40 : 0)
    return Buffer.concat([sha256(rpId), Buffer.of(flags), uint32(counter), attested])
  }
  const answer = (response: object) => ({
    id: credentialId,
    rawId: credentialId,
    type: 'public-key',
    clientExtensionResults: {},
    response,
  })
  return {
    credentialId,
    register(ceremony) {
      // COSE: kty EC2, alg ES256, crv P-256, x, y.
      const key = cborMap([
        [cborInt(1), cborInt(2)],
        [cborInt(3), cborInt(-7)],
        [cborInt(-1), cborInt(1)],
        [cborInt(-2), cborBytes(Buffer.from(x, 'base64url'))],
        [cborInt(-3), cborBytes(Buffer.from(y, 'base64url'))],
      ])
      const attested = Buffer.concat([Buffer.alloc(16), uint16(rawId.length), rawId, key])
      const attestation = cborMap([
        [cborText('fmt'), cborText('none')],
        [cborText('attStmt'), cborMap([])],
        [cborText('authData'), cborBytes(authenticatorData(ceremony, attested))],
      ])
      const clientDataJSON = clientData('webauthn.create', ceremony).toString('base64url')
      return answer({ clientDataJSON, attestationObject: attestation.toString('base64url'), transports: ['internal'] })
    },
    signIn(ceremony) {
      const [data, client] = [authenticatorData(ceremony), clientData('webauthn.get', ceremony)]
      const signature = sign('sha256', Buffer.concat([data, createHash('sha256').update(client).digest()]), privateKey)
      return answer({
        authenticatorData: data.toString('base64url'),
        clientDataJSON: client.toString('base64url'),
        signature: signature.toString('base64url'),
      })
    },
  }
}

function clientData(type: string, { challenge, origin }: Ceremony): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff)
}

function uint32(value: number): Buffer {
  return Buffer.concat([uint16(value >>> 16), uint16(value & 0xffff)])
}

/** The head of a CBOR item (RFC 8949): major type and argument. */
function cborHead(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.of((major << 5) | argument)
  return argument < 256
    ? Buffer.of((major << 5) | 24, argument)
    : Buffer.concat([Buffer.of((major << 5) | 25), uint16(argument)])
}

function cborInt(value: number): Buffer {
  return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value)
}

function cborBytes(bytes: Buffer): Buffer {
  return Buffer.concat([cborHead(2, bytes.length), bytes])
}

function cborText(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([cborHead(3, bytes.length), bytes])
}

function cborMap(entries: readonly (readonly [Buffer, Buffer])[]): Buffer {
  return Buffer.concat([cborHead(5, entries.length), ...entries.flat()])
}
