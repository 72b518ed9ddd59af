/** How a row of a backup and the live one differ: gone, other values, or not there before. */
export const rowKinds = ['missing', 'changed', 'added'] as const
export type RowKind = (typeof rowKinds)[number]
