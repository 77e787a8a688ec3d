/** X.509 certificates of the tests' own authority, which no tool of the machine is asked for. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export interface Certified {
  /** PEM. */
  cert: string
  /** PEM of PKCS 8. */
  key: string
}

export interface Authority {
  /** PEM: whom to trust. */
  cert: string
  /** A certificate for the name, good for servers on loopback and for clients. Its key is encrypted where there is a password. */
  issue: (name: string, keyPassword?: string) => Certified
}

/** Certificates that begin an hour ago and end in ten years, of keys on the curve P-256. */
export function authority(name = 'quern test authority'): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keyId = createHash('sha1').update(spki(own.publicKey)).digest()
  const signed = (subject: string, subjectKey: KeyObject, extensions: Buffer[]): string => {
    const now = new Date()
    const dates = [new Date(now.getTime() - 3_600_000), new Date(now.getTime() + 10 * 365 * 86_400_000)]
    const body = sequence(
      tagged(0xa0, integer(Buffer.from([2]))),
      integer(randomBytes(16)),
      ECDSA_SHA256,
      nameOf(name),
      sequence(...dates.map(date => tagged(0x17, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`)))),
      nameOf(subject),
      spki(subjectKey),
      tagged(0xa3, sequence(...extensions)),
    )
    const der = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, own.privateKey)))
    return `-----BEGIN CERTIFICATE-----\n${der
      .toString('base64')
      .match(/.{1,64}/g)!
      .join('\n')}\n-----END CERTIFICATE-----\n`
  }
  const ofAuthority = [extension('551d13', sequence(tagged(0x01, Buffer.from([0xff])))), extension('551d0e', tagged(0x04, keyId))]
  return {
    cert: signed(name, own.publicKey, ofAuthority),
    issue(subject, keyPassword) {
      const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const names = sequence(tagged(0x82, Buffer.from('localhost')), tagged(0x87, Buffer.from([127, 0, 0, 1])))
      const extensions = [extension('551d23', sequence(tagged(0x80, keyId))), extension('551d11', names)]
      const cipher = keyPassword === undefined ? {} : { cipher: 'aes-256-cbc', passphrase: keyPassword }
      const key = privateKey.export({ type: 'pkcs8', format: 'pem', ...cipher }) as string
      return { cert: signed(subject, publicKey, extensions), key }
    },
  }
}

const spki = (key: KeyObject): Buffer => key.export({ type: 'spki', format: 'der' })

/** DER: a tag, the length and the content. */
function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const sequence = (...parts: Buffer[]): Buffer => tagged(0x30, Buffer.concat(parts))
const oid = (hex: string): Buffer => tagged(0x06, Buffer.from(hex, 'hex'))
const bits = (content: Buffer): Buffer => tagged(0x03, Buffer.concat([Buffer.from([0]), content]))
/** Positive, and in as few bytes as that takes. */
const integer = (bytes: Buffer): Buffer =>
  tagged(0x02, bytes.length === 1 ? bytes : Buffer.concat([Buffer.from([(bytes[0]! & 0x3f) | 0x40]), bytes.subarray(1)]))
const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), tagged(0x04, value))
/** A common name, and nothing more. */
const nameOf = (text: string): Buffer => sequence(tagged(0x31, sequence(oid('550403'), tagged(0x0c, Buffer.from(text)))))
const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))
