/**
 * A notice as an Adaptive Card (schema 1.4), in the message that a Workflows webhook of Microsoft Teams takes.
 * @module
 */
import type { Notice } from '../../core/notice.ts';
import { type Fact, isLoud, wordsOf } from '../words.ts';

/**
 * Text of others stands in runs of a RichTextBlock only: unlike a TextBlock and a FactSet they know neither Markdown nor
 * functions such as {{DATE()}}, and a mention needs an entity, of which there is none.
 */
export function teamsMessage(notice: Notice): object {
  const { headline, facts } = wordsOf(notice);
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      { type: 'TextBlock', text: headline, weight: 'Bolder', size: 'Medium', wrap: true, ...loudness(notice) },
      ...facts.map(line),
    ],
    actions: notice.url === null ? [] : [{ type: 'Action.OpenUrl', title: 'Open at the broker', url: notice.url }],
  };
  return {
    type: 'message',
    attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content }],
  };
}

function loudness(notice: Notice): object {
  return isLoud(notice) ? { size: 'ExtraLarge', color: 'Attention' } : {};
}

function line({ label, value }: Fact): object {
  const run = { type: 'TextRun' };
  return {
    type: 'RichTextBlock',
    inlines: [
      { ...run, text: `${label}: `, weight: 'Bolder' },
      { ...run, text: value },
    ],
  };
}
