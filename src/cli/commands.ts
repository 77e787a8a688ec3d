/** The table of commands: help and dispatch come from it, and each command's code is loaded when it is called. */
import type { CommandRow } from './command.ts'

const LIMIT: [string, string] = ['--limit <n>', 'at most so many']

export const COMMANDS: CommandRow[] = [
  {
    name: 'init',
    args: '[dir]',
    summary: 'scaffold a project that runs at once',
    flags: [],
    load: async () => (await import('./commands/init.ts')).init,
  },
  {
    name: 'check',
    args: '[name...]',
    summary: 'load and check every definition; all faults at once',
    flags: [['--sources', 'also compare the schemas with the real columns']],
    load: async () => (await import('./commands/check.ts')).check,
  },
  {
    name: 'plan',
    args: '[name...]',
    summary: 'what a run would do and why; writes nothing',
    flags: [
      ['--until <instant>', 'as if it were then; default now'],
      ['--full', 'as if everything had to be computed'],
      ['--accept-loss', 'as if input files that are gone did not matter'],
    ],
    load: async () => (await import('./commands/plan.ts')).plan,
  },
  {
    name: 'run',
    args: '[name...]',
    summary: 'validate, compute, commit',
    flags: [
      ['--until <instant>', 'publish the cutoffs that are due then; default now'],
      ['--full', 'compute everything, whatever is there'],
      ['--max-rejected <share>', 'rows that may be rejected, such as 1% or 0.01'],
      ['--accept-loss', 'go on without the rows of input files that are gone'],
    ],
    load: async () => (await import('./commands/run.ts')).run,
  },
  {
    name: 'backfill',
    args: '<name>',
    summary: 'compute a range of cutoffs anew, in chunks; goes on where it was interrupted',
    flags: [
      ['--from <instant>', 'the first cutoff'],
      ['--to <instant>', 'the end of the range, not included'],
      ['--chunk <duration>', 'how much one commit covers; default as much as the longest window'],
      ['--max-rejected <share>', 'rows that may be rejected, such as 1% or 0.01'],
      ['--accept-loss', 'go on without the rows of input files that are gone'],
    ],
    load: async () => (await import('./commands/backfill.ts')).backfill,
  },
  {
    name: 'ls',
    args: '',
    summary: 'feature sets: version, rows, freshness',
    flags: [],
    load: async () => (await import('./commands/ls.ts')).ls,
  },
  {
    name: 'show',
    args: '<ref>',
    summary: 'one version whole: columns, files, inputs, lineage',
    flags: [],
    load: async () => (await import('./commands/show.ts')).show,
  },
  {
    name: 'log',
    args: '<name>',
    summary: 'versions, newest first',
    flags: [LIMIT],
    load: async () => (await import('./commands/log.ts')).log,
  },
  {
    name: 'read',
    args: '<ref>',
    summary: 'rows to stdout or a file',
    flags: [
      ['--format <format>', 'table, json, csv, arrow or parquet'],
      ['--output <file>', 'write there instead of stdout'],
      ['--columns <names>', 'only these, separated by commas'],
      ['--where <condition>', 'only rows for which this is true'],
      ['--latest', 'only the last row of each entity'],
      LIMIT,
    ],
    load: async () => (await import('./commands/read.ts')).read,
  },
  {
    name: 'diff',
    args: '<from> <to>',
    summary: 'schema, rows and values that differ between two versions',
    flags: [],
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  {
    name: 'verify',
    args: '<ref>',
    summary: 'compute a version anew from what it recorded, and compare',
    flags: [],
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'tag',
    args: '<ref> <tag>',
    summary: 'name a version, or move the name',
    flags: [['--delete', 'take the name away']],
    load: async () => (await import('./commands/tag.ts')).tag,
  },
  {
    name: 'compact',
    args: '<name>',
    summary: 'write the same rows into fewer files',
    flags: [],
    load: async () => (await import('./commands/compact.ts')).compact,
  },
  {
    name: 'vacuum',
    args: '<name>',
    summary: 'list what no version needs that is kept; tagged versions always are',
    flags: [
      ['--retain <duration>', 'versions that were the latest within this time are kept; default 30d'],
      ['--apply', 'delete it'],
    ],
    load: async () => (await import('./commands/vacuum.ts')).vacuum,
  },
  {
    name: 'rejected',
    args: '<source>',
    summary: 'refused rows and their reasons',
    flags: [LIMIT],
    load: async () => (await import('./commands/rejected.ts')).rejected,
  },
  {
    name: 'doctor',
    args: '',
    summary: 'what is reachable, configured and permitted',
    flags: [],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
]
