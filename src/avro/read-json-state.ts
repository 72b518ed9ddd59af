import { JsonReadFailure, typeFailure } from './read-json-failure.ts'
import type { Sink } from './read-json-sink.ts'
import { advance, type JsonTokens, openTokens, passValue } from './read-json-tokens.ts'

/*
  Avro 1.11's JsonDecoder does not read a record's braces and field names when they come but just before the next value that it wants. What
  stands behind the last value of a line is never looked at, and errors come in that order. So opening, choosing fields and closing are
  steps that wait in `pending` until the next value.
*/

/** Fields that stood before their turn: where their values are in the text. */
interface Saved {
  readonly values: Map<string, { from: number; to: number }>
  /** Where reading goes on after a saved value. */
  original: JsonTokens | undefined
}

/** One line on its way from JSON to binary. */
export interface ReadState {
  json: JsonTokens
  readonly sink: Sink
  readonly pending: Step[]
  saved: Saved | undefined
  /** `saved` of the enclosing records. */
  readonly outer: (Saved | undefined)[]
  begun: boolean
}

export type Step = (state: ReadState) => void

/** Does what waits. To be called before each value that is really read. */
export function ready(state: ReadState): void {
  if (!state.begun) {
    state.begun = true
    if (state.json.current === undefined) throw new JsonReadFailure('java.io.EOFException', undefined)
  }
  const { pending } = state
  if (pending.length === 0) return
  for (let index = 0; index < pending.length; index++) pending[index]?.(state)
  pending.length = 0
}

export function expected(what: string, state: ReadState): JsonReadFailure {
  return typeFailure(`Expected ${what}. Got ${state.json.current ?? 'null'}`)
}

export const openRecord: Step = (state) => {
  if (state.json.current !== 'START_OBJECT') throw expected('record-start', state)
  advance(state.json)
  state.outer.push(state.saved)
  state.saved = undefined
}

/** Goes to the value of a field; those before it are saved for their turn. A field that is missing shows when its value is read. */
export function chooseField(name: string, aliases: readonly string[]): Step {
  return (state) => {
    const place = state.saved?.values.get(name)
    if (place !== undefined && state.saved !== undefined) {
      state.saved.values.delete(name)
      state.saved.original = state.json
      state.json = openTokens(state.json.text, place.from, place.to)
      advance(state.json)
      return
    }
    const { json } = state
    if (json.current !== 'FIELD_NAME') return
    do {
      const found = json.name
      advance(json)
      if (found === name || aliases.includes(found)) return
      state.saved ??= { values: new Map(), original: undefined }
      const from = json.valueFrom
      passValue(json)
      state.saved.values.set(found, { from, to: json.at })
      advance(json)
    } while (json.current === 'FIELD_NAME')
    throw typeFailure(`Expected field name not found: ${name}`)
  }
}

export const closeField: Step = (state) => {
  if (state.saved?.original === undefined) return
  state.json = state.saved.original
  state.saved.original = undefined
}

export const closeUnion: Step = (state) => {
  toEndOfObject(state)
  advance(state.json)
}

export const closeRecord: Step = (state) => {
  toEndOfObject(state)
  if (state.saved !== undefined && state.saved.values.size > 0) {
    throw expected(`Unknown fields: [${[...state.saved.values.keys()].join(', ')}]`, state)
  }
  state.saved = state.outer.pop()
  advance(state.json)
}

function toEndOfObject(state: ReadState): void {
  while (state.json.current !== 'END_OBJECT') {
    // Avro would look for it for ever.
    if (state.json.current === undefined) throw expected('END_OBJECT', state)
    advance(state.json)
  }
}
