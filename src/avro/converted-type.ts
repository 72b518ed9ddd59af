import type { AvroSchema } from './schema.ts'

/** Logical type → Avro types it may stand on, and the Java class that Avro 1.11 converts it to. `duration` has none. */
const conversions: Record<string, { on: string[]; java: string }> = {
  decimal: { on: ['bytes', 'fixed'], java: 'java.math.BigDecimal' },
  uuid: { on: ['string'], java: 'java.util.UUID' },
  date: { on: ['int'], java: 'java.time.LocalDate' },
  'time-millis': { on: ['int'], java: 'java.time.LocalTime' },
  'time-micros': { on: ['long'], java: 'java.time.LocalTime' },
  'timestamp-millis': { on: ['long'], java: 'java.time.Instant' },
  'timestamp-micros': { on: ['long'], java: 'java.time.Instant' },
  'local-timestamp-millis': { on: ['long'], java: 'java.time.LocalDateTime' },
  'local-timestamp-micros': { on: ['long'], java: 'java.time.LocalDateTime' },
}

/** The Java class that a value of this schema becomes with `avro.use.logical.type.converters`; undefined where no conversion applies. */
export function convertedType(schema: AvroSchema): string | undefined {
  const { logicalType } = schema
  if (logicalType === undefined || !Object.hasOwn(conversions, logicalType)) return undefined
  const conversion = conversions[logicalType]
  if (!conversion?.on.includes(schema.type)) return undefined
  if (logicalType === 'decimal' && !validDecimal(schema)) return undefined
  return conversion.java
}

/** A decimal without a positive precision, or with a scale beyond it, is no decimal to Avro. */
function validDecimal({ precision, scale = 0 }: { precision?: number; scale?: number }): boolean {
  return precision !== undefined && precision > 0 && scale >= 0 && scale <= precision
}
