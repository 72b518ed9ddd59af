/** Colours, or none. */
export interface Style {
  red(text: string): string
  green(text: string): string
  yellow(text: string): string
  dim(text: string): string
  bold(text: string): string
}

const plain = (text: string) => text
export const noStyle: Style = { red: plain, green: plain, yellow: plain, dim: plain, bold: plain }

const ansi = (on: number, off: number) => (text: string) => `\u001b[${on}m${text}\u001b[${off}m`
const colours: Style = { red: ansi(31, 39), green: ansi(32, 39), yellow: ansi(33, 39), dim: ansi(2, 22), bold: ansi(1, 22) }

/** Colours on a terminal that has them; NO_COLOR (no-color.org: set and not empty) turns them off. */
export function hasColours(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): boolean {
  return isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
}

export function styleFor(env: Readonly<Record<string, string | undefined>>, isTerminal: boolean): Style {
  return hasColours(env, isTerminal) ? colours : noStyle
}
