/**
 * Ids as schemas.
 * @module
 */
import * as z from 'zod';
import { type GrantId, isGrantId, isRequestId, type RequestId } from '../core/ids.ts';

export const requestIdSchema = z.custom<RequestId>((value) => typeof value === 'string' && isRequestId(value));
export const grantIdSchema = z.custom<GrantId>((value) => typeof value === 'string' && isGrantId(value));
