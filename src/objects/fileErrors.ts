/** What the file system refuses, in the words of whoever set up the store. */
import { DefinitionError, TransientError } from '../domain/errors.ts'

export const codeOf = (error: unknown): string | undefined => (error as { code?: string }).code

/** Nothing lies there. */
export const isMissing = (error: unknown): boolean => codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR'

const FULL = ['ENOSPC', 'EDQUOT']
const REFUSED = ['EACCES', 'EPERM', 'EROFS']
/** A disk or a server that does not answer just now, or too much at once. */
const PASSING = ['EIO', 'ESTALE', 'ETIMEDOUT', 'EMFILE', 'ENFILE', 'EAGAIN', 'EBUSY', 'ENOTCONN', 'EHOSTDOWN', 'EREMOTEIO']

/** A store's error for one of the file system, or that itself where it can be nothing but a defect. */
export function storeError(root: string, doing: 'read' | 'written', error: unknown): unknown {
  const code = codeOf(error)
  if (code === undefined) return error
  const refused = (what: string, hint: string): DefinitionError =>
    new DefinitionError('definition.store', `the store ${root} ${what}`, { hint, cause: error })
  if (FULL.includes(code)) {
    return new TransientError('transient.disk-full', `the disk that holds the store ${root} is full`, {
      hint: 'Free space there and run again; nothing was committed.',
      cause: error,
    })
  }
  if (PASSING.includes(code)) {
    return new TransientError(
      'transient.store',
      `the store ${root} cannot be ${doing} just now (${code})${placeIn(root, error)}`,
      {
        hint: 'See whether its disk or server is well and reachable, and try again.',
        cause: error,
      },
    )
  }
  if (REFUSED.includes(code)) {
    const other = doing === 'written' ? ', or name another folder with --store or QUERN_STORE' : ''
    const permission = doing === 'written' ? 'to write there' : 'to read it'
    return refused(`cannot be ${doing} (${code})${placeIn(root, error)}`, `Give this user permission ${permission}${other}.`)
  }
  if (code === 'ENAMETOOLONG') {
    return refused(
      `cannot hold a name of this length: ${placeOf(error)}`,
      'Shorten the name, or name a store whose path is shorter.',
    )
  }
  if (code === 'ELOOP')
    return refused(
      'is a link that leads to itself',
      'Mend the symbolic link, or name another folder with --store or QUERN_STORE.',
    )
  if (code === 'EEXIST' || code === 'ENOTDIR')
    return refused('is no folder', 'Name a folder with --store, QUERN_STORE or quern.config.ts.')
  return error
}

/** Where in the store, unless it is the store itself. */
function placeIn(root: string, error: unknown): string {
  const place = placeOf(error)
  return place === root ? '' : `: ${place}`
}

const placeOf = (error: unknown): string => String((error as { path?: string }).path ?? (error as Error).message)
