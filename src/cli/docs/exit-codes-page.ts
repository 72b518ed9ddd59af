import { answers, errorTable } from '../../base/errors.ts'
import { generatedBanner } from './cli-page.ts'

/** docs/exit-codes.md: the error table as a page. */
export function exitCodesPage(): string {
  const rows = Object.entries(errorTable).map(([code, { exit, meaning, hint }]) => `| ${exit} | \`${code}\` | ${meaning} | ${hint} |`)
  return `${generatedBanner}

# Exit codes

Datapipe's codes start above Node's own (1 to 14). Any code that is not listed here means failure.

| exit | meaning |
| --- | --- |
| ${answers.ok} | done, the same, intact |
| ${answers.no} | answered no: they differ, damage was found, a check or a drill failed |
| ${answers.unknown} | cannot tell |
| ${answers.incomplete} | finished, but incomplete: the gaps are listed |

Every failure has a name, which \`--json\` gives as \`code\`:

| exit | code | meaning | what to do |
| --- | --- | --- | --- |
${rows.join('\n')}
`
}
