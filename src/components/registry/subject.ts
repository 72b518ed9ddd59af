/**
 * Names of subjects. Confluent: `name` in the default context, `:.ctx:name` in another; a bare `:.ctx:` stands for the context itself
 * (its configuration and mode). Apicurio: the artifact id in the default group, `group//artifact` in another.
 */
const qualified = /^:(\.[^:]*):(.*)$/s

/** The context that a subject lives in; ids are unique per context. `.` is the default one. */
export function contextOf(subject: string): string {
  return qualified.exec(subject)?.[1] ?? '.'
}

/** The subject that a reference means: it is relative to the context of the schema that refers (Confluent 7.6, 8.3). */
export function resolveReference(referrer: string, subject: string): string {
  const context = contextOf(referrer)
  return context === '.' || qualified.test(subject) ? subject : `:${context}:${subject}`
}
