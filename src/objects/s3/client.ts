/** The client of an S3 service, and how it is configured: the AWS SDK's own ways, and what other clients know beside them. */
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { S3Client } from '@aws-sdk/client-s3'
import { DefinitionError } from '../../domain/errors.ts'
import type { S3Access } from '../../domain/storePlace.ts'

/** Requests in flight at most. */
export const PARALLEL = 64

export interface Patience {
  /** Milliseconds. */
  connect: number
  /** Between two bytes, of a request, its answer, and the time between them. */
  answer: number
  attempts: number
}

export const USUAL_PATIENCE: Patience = { connect: 5000, answer: 30_000, attempts: 6 }

/** Loads the SDK, which takes time: nobody who has no bucket waits for it. */
export async function s3Client(
  settings: S3Access,
  patience: Patience,
  credentials?: { accessKeyId: string; secretAccessKey: string },
): Promise<S3Client> {
  const { S3Client: Client } = await import('@aws-sdk/client-s3')
  const { region, endpoint } = settings
  const sockets = { keepAlive: true, maxSockets: PARALLEL }
  return new Client({
    // Services of other vendors take any region; for AWS the SDK asks the profile.
    ...(region !== undefined ? { region } : endpoint !== undefined ? { region: 'us-east-1' } : {}),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    forcePathStyle: settings.pathStyle ?? endpoint !== undefined,
    maxAttempts: patience.attempts,
    // A redirect tells the bucket's own region.
    followRegionRedirects: true,
    requestHandler: {
      connectionTimeout: patience.connect,
      // Of silence: a time for the whole request would be too short for a part over a slow line.
      socketTimeout: patience.answer,
      httpAgent: new HttpAgent(sockets),
      httpsAgent: new HttpsAgent({ ...sockets, ...authorities(settings.caBundle) }),
    },
  })
}

/** Certificates of authorities beside those that Node knows. */
function authorities(path: string | undefined): { ca?: string[] } {
  if (path === undefined) return {}
  try {
    return { ca: [readFileSync(path, 'utf8')] }
  } catch (error) {
    throw new DefinitionError(
      'definition.ca-bundle',
      `AWS_CA_BUNDLE: ${path} cannot be read (${(error as { code?: string }).code})`,
      {
        hint: 'Name a file of certificates in PEM form.',
        cause: error,
      },
    )
  }
}
