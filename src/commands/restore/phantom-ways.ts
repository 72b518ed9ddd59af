export const phantomWays = ['report', 'truncate', 'compensate'] as const
/** Leave them and say so; delete their topics and restore those to the cut; write events that undo them. */
export type PhantomWay = (typeof phantomWays)[number]
