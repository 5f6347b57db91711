/**
 * The words for jit's own lines, as the aws profiles use them.
 * @module
 */
export type { OwnSection } from '../ini/block.ts';
export type { Pair } from '../ini/lines.ts';
