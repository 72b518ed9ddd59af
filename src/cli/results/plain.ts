/** Any result as indented `key: value` lines: for commands whose result needs no table. */
export function plainText(result: unknown): string {
  return lines(result, '').join('')
}

function lines(value: unknown, indent: string): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item) => (isScalar(item) ? [`${indent}- ${show(item)}\n`] : [`${indent}-\n`, ...lines(item, `${indent}  `)]))
  }
  if (typeof value !== 'object' || value === null) return [`${indent}${show(value)}\n`]
  return Object.entries(value).flatMap(([key, item]) => {
    if (key === 'exitCode' || item === undefined) return []
    if (isScalar(item)) return [`${indent}${key}: ${show(item)}\n`]
    return [`${indent}${key}:\n`, ...lines(item, `${indent}  `)]
  })
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object' || value === null
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : String(value)
}
