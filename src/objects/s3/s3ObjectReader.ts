/** Objects in a bucket that others write. */
import { DefinitionError } from '../../domain/errors.ts'
import type { ByteRange, ObjectReader } from '../../domain/objectReader.ts'
import { limiter } from '../limiter.ts'
import { eachPart, rangeBytes } from './bodies.ts'
import type { S3Bucket } from './bucket.ts'
import type { SinkStream } from './sink.ts'
import { Sink } from './sink.ts'

/** Longer ranges are fetched in pieces at the same time. */
const PIECE = 2 ** 23
/** Ranges that are no farther apart are one request: what lies between comes sooner than another answer. */
const GAP = 2 ** 16
/** Bodies that are read at the same time. */
const BODIES = 32

type Placed = ByteRange & { at: number }

export function s3ObjectReader(bucket: S3Bucket): ObjectReader {
  const limited = limiter(BODIES)
  return {
    uriOf: key => bucket.uriOf(key),

    async *list(prefix, { startAfter, signal }) {
      for await (const { objects } of bucket.pages(prefix, { startAfter, signal })) {
        // Without one nobody can tell whether an object is still what it was.
        const bare = objects.find(({ etag }) => etag === '')
        if (bare)
          throw new DefinitionError('definition.service', `${bucket.uriOf(bare.key)}: the service tells no ETag of it`, {
            hint: 'Write the object through the service, or use one that keeps ETags.',
          })
        yield* objects
      }
    },

    async read(object, ranges, path, signal, onPart) {
      const requests = requestsFor(ranges)
      const [first] = requests
      const whole = requests.length === 1 && first!.from === 0 && first!.to === object.size
      const sink = await Sink.make(path)
      let versionId: string | undefined
      try {
        // All end before the file is closed, also where one has failed.
        const done = await Promise.allSettled(
          requests.map(request =>
            limited(async () => {
              const stream = sink.stream()
              const take = (part: Buffer, from: number): Promise<void> => {
                onPart?.(part.length)
                return scatter(stream, request.places, part, from)
              }
              try {
                versionId = await eachPart(bucket, object, request, { take, signal, whole })
              } finally {
                await stream.end()
              }
            }),
          ),
        )
        for (const result of done) if (result.status === 'rejected') throw result.reason
      } finally {
        await sink.close()
      }
      return { versionId }
    },

    bytes: (object, range, signal) => rangeBytes(bucket, object, range, signal),
  }
}

interface Request extends ByteRange {
  /** What of it is wanted, and where it goes. */
  places: Placed[]
}

function requestsFor(ranges: readonly Placed[]): Request[] {
  const requests: Request[] = []
  for (const range of ranges.flatMap(piecesOf).sort((a, b) => a.from - b.from)) {
    const last = requests.at(-1)
    if (last && range.from - last.to <= GAP && range.to - last.from <= PIECE) {
      last.to = Math.max(last.to, range.to)
      last.places.push(range)
    } else requests.push({ from: range.from, to: range.to, places: [range] })
  }
  return requests
}

function piecesOf({ from, to, at }: Placed): Placed[] {
  const pieces: Placed[] = []
  for (let begin = from; begin < to; begin += PIECE)
    pieces.push({ from: begin, to: Math.min(begin + PIECE, to), at: at + begin - from })
  return pieces
}

/** Writes what is wanted of a part that begins at `from`. */
async function scatter(stream: SinkStream, places: readonly Placed[], part: Buffer, from: number): Promise<void> {
  const end = from + part.length
  for (const place of places) {
    const [begin, stop] = [Math.max(place.from, from), Math.min(place.to, end)]
    if (begin < stop) await stream.write(part.subarray(begin - from, stop - from), place.at + begin - place.from)
  }
}
