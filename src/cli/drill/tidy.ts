/**
 * A drill that did not come to its end leaves nothing behind.
 * @module
 */
import { asJitError, JitError, worded } from '../../core/errors.ts';
import type { IncidentView } from '../../wire/emergencies.ts';
import { untilClosed } from '../access/ending.ts';
import { poll, type Granted } from '../access/submit.ts';
import type { Context } from '../context.ts';
import { siteOf } from '../site.ts';
import { wipeHere } from '../sweep.ts';

const LONGEST_MS = 15_000;

/** Here first, then at the broker, which ends whatever came of it; a second Ctrl-C stops the waiting. Never rejects. */
export async function tidyUp(context: Context, drill: IncidentView, granted: Granted | null): Promise<void> {
  const { out, now } = context;
  const stop = new AbortController();
  const restore = context.signals.divert(() =>
    stop.abort(new JitError({ code: 'ERR_INTERRUPTED', message: 'interrupted' })),
  );
  const { signal } = stop;
  try {
    const { failed } = await wipeHere(context, ({ grant }) => grant === granted?.grant.id);
    for (const error of failed) await out.note(worded(error));
    const broker = await context.broker(signal);
    const until = now() + LONGEST_MS;
    await poll({ now, signal }, () => broker.client.endDrill(drill.id), until);
    // Also what was on its way when somebody stopped: it is of the same incident.
    const { items } = await broker.client.incident({ source: drill.source, id: drill.id });
    await Promise.all(items.map((each) => untilClosed({ now }, broker, each, until)));
    broker.client.close();
  } catch (thrown) {
    const { broker, line } = await siteOf(context);
    await out.note(
      worded({ broker, message: `${asJitError(thrown).message}; the drill ends by itself in half an hour` }),
    );
    await out.hint(`end what is live of it with: ${line(`jit revoke --incident ${drill.reference}`)}`);
  } finally {
    restore();
  }
}
