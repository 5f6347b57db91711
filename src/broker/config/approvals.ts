/**
 * The part of the configuration that says how long people are waited for.
 * @module
 */
import * as z from 'zod';
import { duration } from './duration.ts';

export const approvalsSchema = z
  .strictObject({
    /** How long a request waits for approval. */
    wait: duration(60, 7 * 86_400).default(4 * 3_600),
    /** How long an approved request waits for its requester. */
    takeUp: duration(60, 86_400).default(3_600),
    /** How long a self-serve request waits for its requester's own word. */
    confirm: duration(30, 3_600).default(600),
  })
  .prefault({});

export type ApprovalsConfig = Readonly<z.infer<typeof approvalsSchema>>;
