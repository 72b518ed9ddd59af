import { writeFile } from 'node:fs/promises'
import { cliPage } from './docs/cli-page.ts'
import { exitCodesPage } from './docs/exit-codes-page.ts'

/** `npm run docs`. */
const docs = new URL('../../docs/', import.meta.url)
await writeFile(new URL('cli.md', docs), cliPage())
await writeFile(new URL('exit-codes.md', docs), exitCodesPage())
