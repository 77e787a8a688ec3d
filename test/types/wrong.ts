/** Compiles only because every line under an `@ts-expect-error` is refused. */
import {
  count,
  defineCases,
  defineFeatureSet,
  fresherThan,
  kafka,
  mean,
  nullShareBelow,
  objects,
  rowsBetween,
  share,
  sum,
  uniqueKey,
} from 'quern'
import { z } from 'zod'

const schema = z.object({ date: z.date(), origin: z.string(), delay: z.int(), early: z.boolean() })
// @ts-expect-error an event time that is no column
objects({ name: 'flights', uri: '', schema, eventTime: 'dat' })
// @ts-expect-error an event time that is no instant
objects({ name: 'flights', uri: '', schema, eventTime: 'delay' })
// @ts-expect-error a unit of a column that is no number
objects({ name: 'flights', uri: '', schema, eventTime: { column: 'origin', unit: 's' } })
// @ts-expect-error a unit that is none
objects({ name: 'flights', uri: '', schema, eventTime: { column: 'delay', unit: 'h' } })
// @ts-expect-error a listing that is none
objects({ name: 'flights', uri: 's3://b', schema, eventTime: 'date', listing: 'newest' })
// @ts-expect-error a row key that is no column
objects({ name: 'flights', uri: '', schema, eventTime: 'date', rowKey: ['orign'] })

const source = objects({ name: 'flights', uri: '', schema, eventTime: 'date' })
// @ts-expect-error a key that is no column
defineFeatureSet({ name: 'x', source, entity: ['orign'], every: '1d', features: () => ({ n: count().over('1d') }) })
// @ts-expect-error an interval that is no duration
defineFeatureSet({ name: 'x', source, entity: ['origin'], every: '1 day', features: () => ({ n: count().over('1d') }) })

defineFeatureSet({
  name: 'x',
  source,
  entity: ['origin'],
  every: '1d',
  features: f => ({
    // @ts-expect-error a column that is none
    typo: mean(f.dellay).over('1d'),
    // @ts-expect-error the mean of a string
    text: mean(f.origin).over('1d'),
    // @ts-expect-error the sum of a date
    date: sum(f.date).over('1d'),
    // @ts-expect-error the share of a number
    number: share(f.delay).over('1d'),
    // @ts-expect-error a comparison of unlike types
    unlike: count().where(f.origin.gt(3)).over('1d'),
    // @ts-expect-error a number as a condition
    condition: count().where(f.delay).over('1d'),
    // @ts-expect-error a window that is none
    window: count().over('7 days'),
    // @ts-expect-error arithmetic on a string
    arithmetic: mean(f.origin.plus(1)).over('1d'),
    // @ts-expect-error a prefix of a number
    prefix: count().where(f.delay.startsWith('1')).over('1d'),
    // @ts-expect-error a mean does not widen
    widened: mean(f.delay).as('decimal').over('1d'),
    // @ts-expect-error a feature without windows
    windowless: count(),
  }),
})

defineFeatureSet({
  name: 'x',
  source,
  entity: ['origin'],
  every: '1d',
  features: () => ({ n: count().over('1d') }),
  expect: [
    // @ts-expect-error a column that is none
    nullShareBelow('dellay', 0.01),
    // @ts-expect-error a column that is none, of one that warns
    nullShareBelow('dellay', 0.01).warn(),
    // @ts-expect-error a key of which one column is none
    uniqueKey('origin', 'dat'),
    // @ts-expect-error a key without columns
    uniqueKey(),
    // @ts-expect-error an age that is no duration
    fresherThan('2 days'),
    // @ts-expect-error one bound of two
    rowsBetween(1),
    // @ts-expect-error an expectation that is not called
    rowsBetween,
    // @ts-expect-error no expectation
    'rowsBetween(1, 2)',
  ],
})
const set = defineFeatureSet({
  name: 'x',
  source,
  entity: ['origin'],
  every: '1d',
  features: f => ({ n: count().over('1d'), delay: mean(f.delay).over('1d') }),
})
const row = { date: new Date(0), origin: 'ATL', delay: 1, early: false }
const cutoff = '2001-01-02T00:00:00Z'
defineCases(set, {
  // @ts-expect-error a column of a row that is none
  'a typo in a row': { rows: [{ ...row, dellay: 3 }], cutoff, expect: [] },
  // @ts-expect-error a text where a number belongs
  'a wrong type in a row': { rows: [{ ...row, delay: '3' }], cutoff, expect: [] },
  // @ts-expect-error a column that is left out
  'a column is missing': { rows: [{ date: new Date(0), origin: 'ATL', delay: 1 }], cutoff, expect: [] },
  // @ts-expect-error a column of a rejected row that is none
  'a typo in a rejected row': { rejects: [{ row: { ...row, dellay: 3 } }] },
  // @ts-expect-error a feature that is none
  'a typo in a feature': { rows: [row], cutoff, expect: [{ origin: 'ATL', n_7d: 1 }] },
  // @ts-expect-error a value of another type
  'a wrong value': { rows: [row], cutoff, expect: [{ origin: 'ATL', n_1d: '1' }] },
  // @ts-expect-error a count is never null
  'a null count': { rows: [row], cutoff, expect: [{ origin: 'ATL', n_1d: null }] },
  // @ts-expect-error a row without its key
  'no key': { rows: [row], cutoff, expect: [{ n_1d: 1 }] },
  // @ts-expect-error a row that does not say at which of several cutoffs it stands
  'no cutoff': { rows: [row], cutoffs: [cutoff, cutoff], expect: [{ origin: 'ATL' }] },
  // @ts-expect-error a cutoff without expectations
  'no expectation': { rows: [row], cutoff },
  // @ts-expect-error an option that is none
  'a typo in an option': { rows: [row], cutoff, expected: [] },
})
// @ts-expect-error a definition that is none
defineCases(source, {})

const topic = { name: 'p', topic: 't', schema } as const
const eventTime = 'date'
// @ts-expect-error no event time
kafka({ ...topic })
// @ts-expect-error an event time that is no column
kafka({ ...topic, eventTime: 'dat' })
// @ts-expect-error an event time that is no instant
kafka({ ...topic, eventTime: 'delay' })
// @ts-expect-error a format that is none
kafka({ ...topic, eventTime, format: 'xml' })
// @ts-expect-error a password that is written out
kafka({ ...topic, eventTime, sasl: { mechanism: 'plain', username: 'u', password: 'p' } })
// @ts-expect-error a mechanism without its password
kafka({ ...topic, eventTime, sasl: { mechanism: 'plain', username: 'u' } })
// @ts-expect-error a registry password that is written out
kafka({ ...topic, eventTime, registry: { url: 'http://r', username: 'u', password: 'p' } })
// @ts-expect-error a row key that is no column
kafka({ ...topic, eventTime, rowKey: ['orign'] })
// @ts-expect-error an offset in a text
kafka({ ...topic, eventTime, message: { offset: 'origin' } })
// @ts-expect-error a part in a column that is none
kafka({ ...topic, eventTime, message: { key: 'orign' } })
// @ts-expect-error repeats of a column that is none
kafka({ ...topic, eventTime, dedupe: { by: 'orign', within: '7d' } })
// @ts-expect-error a horizon that is no duration
kafka({ ...topic, eventTime, dedupe: { by: 'origin', within: '7 days' } })

const landed = kafka({ ...topic, eventTime, rowKey: ['origin'], tombstones: 'retract' })
// @ts-expect-error a key that is no column
defineFeatureSet({ name: 'x', source: landed, entity: ['orign'], every: '1d', features: () => ({ n: count().over('1d') }) })
const overTopic = defineFeatureSet({
  name: 'x',
  source: landed,
  entity: ['origin'],
  every: '1d',
  features: f => ({
    // @ts-expect-error the mean of a string
    text: mean(f.origin).over('1d'),
    // @ts-expect-error a column of the archive
    offset: count(f._offset).over('1d'),
    n: count().over('1d'),
  }),
})
defineCases(overTopic, {
  // @ts-expect-error a column of a row that is taken back that is none
  'a typo in a retraction': { rows: [{ retracts: { orign: 'ATL' } }], cutoff, expect: [] },
  // @ts-expect-error a moment that is none
  'a landing at a number': { rows: [{ row, landedAt: 3 }], cutoff, expect: [] },
})
