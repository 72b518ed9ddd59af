import { join } from 'node:path'
import { answers } from '../base/errors.ts'
import { loadEpisode } from '../drill/history.ts'
import { judge } from '../drill/judge.ts'
import type { RunRow } from '../drill/report/assemble-matrix.ts'
import { runVerdict } from '../drill/report/matrix-verdict.ts'

export interface DrillAnalyzeResult {
  exitCode: number
  verdict: 'pass' | 'fail' | 'unknown'
  drill: string
  rows: RunRow[]
  evidence: string
}

/** Judges a drill again from what it saved, without any server: the same evidence, the same verdicts. Throws `usage`. */
export async function drillAnalyze(directory: string): Promise<DrillAnalyzeResult> {
  const file = join(directory, 'evidence.jsonl')
  const evidence = await loadEpisode(file)
  const rows = judge(evidence)
  const found = runVerdict(rows)
  const verdict = found === 'pass' || found === 'fail' ? found : 'unknown'
  return { exitCode: { pass: answers.ok, fail: answers.no, unknown: answers.unknown }[verdict], verdict, drill: evidence.drill, rows, evidence: file }
}
