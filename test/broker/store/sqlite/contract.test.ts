/**
 * The SQLite store keeps the contract of stores, on a file and in memory.
 * @module
 */
import { storeContract } from '../contract.ts';
import { openFileStore, openMemoryStore } from '../places.ts';

storeContract('SQLite file', openFileStore);
storeContract('SQLite in memory', openMemoryStore);
