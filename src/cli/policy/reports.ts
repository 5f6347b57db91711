/**
 * What each rule has to do with an answer, as tables for people.
 * @module
 */
import { display } from '../../core/display.ts';
import { type Column, table } from '../table.ts';
import { type Line, toned } from '../text.ts';

/** One rule, still with foreign text in it. */
export interface Report {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  /** Null unless it is a permit on `Request`. */
  readonly tier: string | null;
  readonly state: 'decides' | 'matches' | 'misses';
  /** What would have to be otherwise, in words. */
  readonly missing: readonly string[];
}

/** Misses that are shown to people: those with the least in the way. */
const NEAREST = 8;

const COLUMNS: readonly Column[] = [
  { title: 'POLICY', cut: 'never' },
  { title: 'GIVES', cut: 'never' },
  { title: 'WHAT STANDS IN THE WAY', cut: 'may' },
];

/** What matches, then the nearest permits that do not. Begins with an empty line where there is anything. */
export function reportLines(reports: readonly Report[], width: number): Line[] {
  const hitting = reports.filter(({ state }) => state !== 'misses');
  const missing = reports
    .filter(({ state, effect }) => state === 'misses' && effect === 'permit')
    .toSorted((a, b) => a.missing.length - b.missing.length);
  const shown = missing.slice(0, NEAREST);
  return [
    ...section('policies that match:', hitting, width),
    ...section('permits that do not, the nearest first:', shown, width),
    ...(missing.length > shown.length ? [`and ${missing.length - shown.length} more (--json has all)`] : []),
  ];
}

function section(title: string, reports: readonly Report[], width: number): Line[] {
  if (reports.length === 0) return [];
  const rows = reports.map(({ id, effect, tier, state, missing }) => [
    toned(state === 'decides' ? 'strong' : 'plain', display(id, 200)),
    toned('plain', effect === 'forbid' ? 'forbids' : (tier ?? '')),
    toned('dim', state === 'decides' ? 'it decides' : display(missing.join('; '), 500)),
  ]);
  return ['', title, ...table(COLUMNS, rows, width)];
}
