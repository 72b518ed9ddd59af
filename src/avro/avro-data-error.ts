/** Bytes that do not fit their schema, or a value that cannot be printed. `thrown` is the class that Avro's Java library throws for it. */
export class AvroDataError extends Error {
  readonly thrown: string
  /** `read`: the bytes are at fault; `print`: the value is whole but has no JSON form. */
  readonly phase: 'read' | 'print'

  constructor(thrown: string, message: string | undefined, phase: 'read' | 'print' = 'read') {
    super(message ?? '')
    this.name = 'AvroDataError'
    this.thrown = thrown
    this.phase = phase
  }
}

export const endOfData = () => new AvroDataError('java.io.EOFException', undefined)
