/** True when `name` matches one of the globs: `*` any characters, `?` one; every other character, dots too, stands for itself. */
export function matchesAny(name: string, globs: string[]): boolean {
  return globs.some((glob) => globToRegExp(glob).test(name))
}

function globToRegExp(glob: string): RegExp {
  const source = [...glob].map((char) => (char === '*' ? '.*' : char === '?' ? '.' : char.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&'))).join('')
  return new RegExp(`^${source}$`, 'su')
}
