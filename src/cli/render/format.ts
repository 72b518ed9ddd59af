/** `1.4 GB`: decimal units, two or three digits. */
export function formatBytes(bytes: number): string {
  return scaled(bytes, ['B', 'kB', 'MB', 'GB', 'TB', 'PB'])
}

/** `12.3 M`, for counts; whole below ten thousand. */
export function formatCount(count: number): string {
  return count < 10_000 ? String(count) : scaled(count, ['', 'k', 'M', 'G'])
}

function scaled(value: number, units: readonly string[]): string {
  let rest = value
  let unit = 0
  while (rest >= 999.5 && unit < units.length - 1) {
    rest /= 1000
    unit++
  }
  const digits = unit === 0 || rest >= 99.5 ? 0 : 1
  return `${rest.toFixed(digits)} ${units[unit]}`.trimEnd()
}

/** `4.2 s`, `3 min 20 s`, `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 59.95) return `${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s`
  const whole = Math.round(seconds)
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

export function formatAmount(amount: number, unit: 'bytes' | 'records' | 'rows' | 'items'): string {
  return unit === 'bytes' ? formatBytes(amount) : `${formatCount(amount < 10 ? Math.round(amount * 10) / 10 : Math.round(amount))} ${unit}`
}

/** Columns of equal width, two spaces apart; numbers to the right when `right` names their column. */
export function formatTable(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const widths: number[] = []
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  return rows
    .map((row) =>
      row
        .map((cell, index) => (right.includes(index) ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('')
}
