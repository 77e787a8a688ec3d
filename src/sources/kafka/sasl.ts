/** Logins by SASL: what is said until the broker knows who is there. */
import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { KafkaSettings } from '../../domain/kafkaSource.ts'
import { tokenSource } from './credentials.ts'
import { BrokerError, codeOf, type Request, RequestWriter, ResponseReader } from './protocol.ts'

type Sasl = NonNullable<KafkaSettings['sasl']>
type Ask = (request: Request) => Promise<Buffer>
/** One turn: what the client says, and what the broker replies. */
type Say = (words: string) => Promise<Buffer>

/** Answers for how many milliseconds the login is good; 0: for ever. */
export type Login = (ask: Ask) => Promise<number>

export function loginOf(sasl: Sasl): Login {
  const mechanism = sasl.mechanism.toUpperCase()
  const talk = talkOf(sasl)
  return async ask => {
    const hello = await ask({ key: 17, version: 1, flexible: false, body: new RequestWriter(false).text(mechanism).body })
    const refused = codeOf(new ResponseReader(hello, false).int16())
    if (refused !== undefined) throw new BrokerError(refused)
    let lifetime = 0
    await talk(async words => {
      const body = new RequestWriter(false).bytes(Buffer.from(words)).body
      const reader = new ResponseReader(await ask({ key: 36, version: 1, flexible: false, body }), false)
      const code = codeOf(reader.int16())
      // What the broker says beside it may repeat what it was told.
      reader.text()
      if (code !== undefined) throw new BrokerError(code)
      const reply = reader.bytes()
      lifetime = Number(reader.int64())
      return reply
    })
    return lifetime
  }
}

const notAccepted = (): BrokerError => new BrokerError('SASL_AUTHENTICATION_FAILED')

function talkOf(sasl: Sasl): (say: Say) => Promise<unknown> {
  switch (sasl.mechanism) {
    case 'plain':
      return say => say(`\0${sasl.username}\0${sasl.password}`)
    case 'scram-sha-256':
      return say => scram(sasl, 'sha256', 32, say)
    case 'scram-sha-512':
      return say => scram(sasl, 'sha512', 64, say)
    case 'oauthbearer': {
      const token = tokenSource(sasl)
      return async say => {
        // A token that is not accepted is answered without an error, by what is wrong with it.
        const reply = await say(`n,,\x01auth=Bearer ${await token()}\x01\x01`)
        if (reply.length > 0) throw notAccepted()
      }
    }
  }
}

/** https://datatracker.ietf.org/doc/html/rfc5802 */
async function scram(
  { username, password }: { username: string; password: string },
  digest: 'sha256' | 'sha512',
  length: number,
  say: Say,
): Promise<void> {
  const hmac = (key: Buffer, text: string | Buffer): Buffer => createHmac(digest, key).update(text).digest()
  const own = randomBytes(24).toString('base64url')
  const first = `n=${username.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${own}`
  const challenge = (await say(`n,,${first}`)).toString()
  const { r: nonce = '', s: salt = '', i: iterations = '' } = fieldsOf(challenge)
  if (!nonce.startsWith(own) || !/^\d{1,7}$/.test(iterations)) throw notAccepted()
  const salted = await promisify(pbkdf2)(password, Buffer.from(salt, 'base64'), Number(iterations), length, digest)
  const clientKey = hmac(salted, 'Client Key')
  const last = `c=biws,r=${nonce}`
  const words = `${first},${challenge},${last}`
  const signature = hmac(createHash(digest).update(clientKey).digest(), words)
  const proof = Buffer.from(clientKey.map((byte, at) => byte ^ signature[at]!))
  const verdict = fieldsOf((await say(`${last},p=${proof.toString('base64')}`)).toString())
  // Who does not know the password either is not the broker.
  const expected = hmac(hmac(salted, 'Server Key'), words)
  const told = Buffer.from(verdict.v ?? '', 'base64')
  if (told.length !== expected.length || !timingSafeEqual(told, expected)) throw notAccepted()
}

const fieldsOf = (words: string): Record<string, string | undefined> =>
  Object.fromEntries(words.split(',').map(field => [field.slice(0, 1), field.slice(2)]))
