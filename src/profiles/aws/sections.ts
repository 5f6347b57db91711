/**
 * jit's sections in the text of an AWS file.
 * @module
 */
import type { OwnSection } from '../ini/block.ts';
import type { Dialect, Line } from '../ini/lines.ts';
import * as sections from '../ini/sections.ts';
import type { Put, Removal, Wanted } from '../ini/sections.ts';
import { leadingMark, parseSections } from './ini.ts';

const AWS: Dialect = { parse: parseSections, leadingMark, pair: ([key, value]) => `${key} = ${value}` };

/** `putSection` of ../ini. */
export function putSection(before: string | null, wanted: Wanted, isTaken: (header: Line) => boolean): Put {
  return sections.putSection(AWS, before, wanted, isTaken);
}

/** `remarkSections` of ../ini. */
export function remarkSections(text: string, select: (own: OwnSection) => boolean, expiresAt: number): string {
  return sections.remarkSections(AWS, text, select, expiresAt);
}

/** `isNameTaken` of ../ini. */
export function isNameTaken(text: string, isTaken: (header: Line) => boolean): boolean {
  return sections.isNameTaken(AWS, text, isTaken);
}

/** `removeSections` of ../ini. */
export function removeSections(text: string, select: (own: OwnSection) => boolean): Removal {
  return sections.removeSections(AWS, text, select);
}

/** `ownSections` of ../ini. */
export function ownSections(text: string): OwnSection[] {
  return sections.ownSections(AWS, text);
}
