import { z } from 'zod'

/** The schema below wrappers that do not change its keys: optional, default, nullable. */
function unwrap(schema: unknown): unknown {
  let current = schema
  while (current instanceof z.ZodOptional || current instanceof z.ZodDefault || current instanceof z.ZodNullable) current = current.unwrap()
  return current
}

/** The keys that `schema` knows at its top level; of all alternatives where there are several. */
function shapeOf(schema: unknown): Map<string, unknown> {
  const bare = unwrap(schema)
  if (bare instanceof z.ZodObject) return new Map(Object.entries(bare.shape))
  const shape = new Map<string, unknown>()
  if (bare instanceof z.ZodDiscriminatedUnion || bare instanceof z.ZodUnion) {
    for (const [key, inner] of bare.options.flatMap((option) => [...shapeOf(option)])) {
      const other = shape.get(key)
      shape.set(key, other instanceof z.ZodType && inner instanceof z.ZodType ? z.union([other, inner]) : inner)
    }
  }
  return shape
}

/** The keys that may stand at `path` of the configuration. */
export function keysAt(schema: unknown, path: readonly PropertyKey[]): string[] {
  let current = schema
  for (const key of path) current = shapeOf(current).get(String(key))
  return [...shapeOf(current).keys()]
}

export interface ConfigKey {
  /** Dotted: `kafka.sasl.password`. */
  path: string
  required: boolean
  /** What the key means when left out, as JSON. */
  fallback?: string
  /** `text`, `number`, `list of text`, or the words that are allowed. */
  kind: string
}

/** Every key that holds a value, in the order of the schema. A section is required when it has no default and is not optional. */
export function allKeys(schema: unknown, prefix: string[] = []): ConfigKey[] {
  return [...shapeOf(schema)].flatMap(([name, inner]) => {
    const path = [...prefix, name]
    if (shapeOf(inner).size > 0) return allKeys(inner, path)
    const optional = inner instanceof z.ZodOptional || inner instanceof z.ZodDefault
    return [
      {
        path: path.join('.'),
        required: !optional,
        ...(inner instanceof z.ZodDefault ? { fallback: JSON.stringify(inner.parse(undefined)) } : {}),
        kind: kindOf(unwrap(inner)),
      },
    ]
  })
}

function kindOf(schema: unknown): string {
  if (schema instanceof z.ZodUnion) return schema.options.map(kindOf).join(', ')
  if (schema instanceof z.ZodEnum) return schema.options.join(', ')
  if (schema instanceof z.ZodLiteral) return [...schema.values].join(', ')
  if (schema instanceof z.ZodArray) return `list of ${kindOf(schema.element)}`
  if (schema instanceof z.ZodNumber) return 'number'
  if (schema instanceof z.ZodBoolean) return 'true, false'
  if (schema instanceof z.ZodURL) return 'URL'
  return 'text'
}
