/** What a drill can lose (drill/losses.ts): all four servers, one of them, or a part of what one holds. */
export const lossNames = ['all', 'postgres', 'kafka', 'registry', 'connect', 'topic', 'rows', 'group'] as const
export type LossName = (typeof lossNames)[number]
