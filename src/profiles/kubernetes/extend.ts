/**
 * The end in the marks of a renewed grant's profiles.
 * @module
 */
import type { GrantId } from '../../core/ids.ts';
import type { Tree } from '../../local/yaml-tree.ts';
import { EXTENSION } from './entries.ts';
import { pairOf, readKubeconfig, unsupported } from './read.ts';
import type { OwnEntry } from './read.ts';
import { spliced } from './splice.ts';
import type { Splice } from './splice.ts';

/**
 * The text with a later end in every mark of the grant, and not one other byte changed.
 * @param expiresAt epoch ms. Throws `ERR_LOCAL_FILE` for a text that cannot be edited so.
 */
export function remarkProfiles(path: string, text: string, grant: GrantId, expiresAt: number): string {
  const { own } = readKubeconfig(path, text);
  const later = own.filter(({ marker }) => marker.grant === grant && marker.expiresAt < expiresAt);
  return spliced(
    text,
    later.map((entry) => endSplice(path, text, entry, expiresAt)),
  );
}

function endSplice(path: string, text: string, { body }: OwnEntry, expiresAt: number): Splice {
  for (const item of itemsOf(pairOf(body, 'extensions')?.value)) {
    if (item.kind !== 'map') continue;
    const name = pairOf(item, 'name')?.value;
    const extension = pairOf(item, 'extension')?.value;
    if (name === undefined || extension?.kind !== 'map' || !isName(text.slice(name.start, name.end))) continue;
    const ends = pairOf(extension, 'ends')?.value;
    if (ends?.kind !== 'scalar' || ends.marked) continue;
    return { start: ends.start, end: ends.end, text: JSON.stringify(new Date(expiresAt).toISOString()) };
  }
  throw unsupported(path, 'the end of a profile in it stands where jit did not write it');
}

const itemsOf = (tree: Tree | undefined): readonly Tree[] => (tree?.kind === 'list' ? tree.items : []);
const isName = (source: string): boolean => source.replaceAll(/^["']|["']$/g, '') === EXTENSION;
