/** `quern init`: a project that runs at once, with a little data of its own. */
import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DefinitionError, EXIT, TransientError } from '../../domain/errors.ts'
import { makeFolder } from '../../folders.ts'
import { VERSION } from '../../version.ts'
import type { CommandContext } from '../command.ts'
import { printJson, printLine } from '../output.ts'

export async function init({ args, flags }: CommandContext): Promise<number> {
  const folder = resolve(args[0] ?? '.')
  const files = scaffold(basename(folder), dependencyFor(folder))
  const there = Object.keys(files).filter(file => existsSync(join(folder, file)))
  if (there.length > 0) {
    throw new DefinitionError('definition.init', `${folder} already has ${there.join(', ')}`, {
      hint: 'Name a new folder: `quern init my-features`.',
    })
  }
  try {
    for (const [file, text] of Object.entries(files)) {
      await makeFolder(dirname(join(folder, file)))
      await writeFile(join(folder, file), text, { flag: 'wx' })
    }
  } catch (error) {
    throw refusal(folder, error)
  }
  if (flags.json) printJson({ outcome: 'created', folder, files: Object.keys(files) })
  else {
    printLine(`created ${Object.keys(files).length} files in ${folder}`)
    const enter = relative('.', folder)
    printLine(`next: ${enter ? `cd ${enter} && ` : ''}npm install && npx quern test && npx quern run`)
  }
  return EXIT.done
}

function refusal(folder: string, error: unknown): unknown {
  const { code, path } = error as { code?: string; path?: string }
  if (code === undefined) return error
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new TransientError('transient.disk-full', `the disk that holds ${folder} is full`, {
      hint: 'Free space there.',
      cause: error,
    })
  }
  return new DefinitionError('definition.init', `${folder} cannot be made (${code}): ${path}`, {
    hint: 'Name a folder that this user may write: `quern init my-features`.',
    cause: error,
  })
}

/** Who runs quern from a clone gets projects that use the clone. */
function dependencyFor(folder: string): string {
  const root = fileURLToPath(new URL('../../../', import.meta.url))
  return existsSync(join(root, 'src')) ? `file:${relative(folder, root)}` : `^${VERSION}`
}

function scaffold(name: string, quern: string): Record<string, string> {
  const events = [
    'time,customer,amount,currency',
    '2026-01-01T09:30:00Z,ada,1250,EUR',
    '2026-01-01T17:05:00Z,bob,300,EUR',
    '2026-01-02T08:00:00Z,ada,4999,USD',
    '2026-01-04T12:45:00Z,ada,150,EUR',
    '2026-01-04T12:46:00Z,cleo,7200,USD',
  ]
  return {
    'package.json': `${JSON.stringify(
      {
        name:
          name
            .toLowerCase()
            .replace(/[^a-z0-9-]+/g, '-')
            .replace(/^-+|-+$/g, '') || 'features',
        private: true,
        type: 'module',
        dependencies: { quern, zod: '^4.0.0' },
        // npm's own Node may be an older one.
        devDependencies: { node: '^24.0.0' },
        allowScripts: { node: true },
      },
      null,
      2,
    )}\n`,
    'tsconfig.json': `${JSON.stringify(
      {
        compilerOptions: {
          target: 'es2024',
          module: 'nodenext',
          strict: true,
          noEmit: true,
          allowImportingTsExtensions: true,
          erasableSyntaxOnly: true,
          verbatimModuleSyntax: true,
          skipLibCheck: true,
        },
        include: ['transforms', 'schemas', 'fixtures', 'quern.config.ts'],
      },
      null,
      2,
    )}\n`,
    'quern.config.ts': "import { defineConfig } from 'quern'\n\nexport default defineConfig({ store: 'file:.quern' })\n",
    '.gitignore': 'node_modules/\n.quern/\n',
    'data/orders.csv': `${events.join('\n')}\n`,
    'schemas/order.ts': `import { z } from 'zod'

export const order = z.object({
  time: z.date(),
  customer: z.string().min(1),
  amount: z.int().nonnegative(), // cents
  currency: z.enum(['EUR', 'USD']),
})
`,
    'transforms/customerOrders.ts': `import { count, defineFeatureSet, last, mean, objects, sum } from 'quern'
import { order } from '../schemas/order.ts'

const orders = objects({
  name: 'orders',
  uri: 'data/*.csv',
  schema: order,
  eventTime: 'time',
})

export default defineFeatureSet({
  name: 'customer_orders',
  description: 'What a customer has ordered lately',
  source: orders,
  entity: ['customer'],
  every: '1d',
  features: (f) => ({
    orders: count().over('1d', '7d'),
    spend: sum(f.amount).where(f.currency.eq('EUR')).over('7d'),
    basket_mean: mean(f.amount).over('7d', 'lifetime'),
    last_currency: last(f.currency).over('7d'),
  }),
})
`,
    'fixtures/customerOrders.ts': `import { defineCases } from 'quern'
import customerOrders from '../transforms/customerOrders.ts'

const order = { time: '2026-01-01T09:30:00Z', customer: 'ada', amount: 1250, currency: 'EUR' } as const

export default defineCases(customerOrders, {
  'only euros are summed, every order is counted': {
    rows: [order, { ...order, amount: 4999, currency: 'USD' }],
    cutoff: '2026-01-02T00:00:00Z',
    expect: [{ customer: 'ada', orders_1d: 2, spend_7d: 1250 }],
  },

  'negative amounts and other currencies are refused': {
    rejects: [
      { row: { ...order, amount: -1 }, path: 'amount' },
      { row: { ...order, currency: 'CHF' }, path: 'currency' },
    ],
  },
})
`,
  }
}
