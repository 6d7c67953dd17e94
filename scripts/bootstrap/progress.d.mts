// Types of progress.mjs, for the TypeScript that shares it.

/** Prints that a step begins, and while it lasts how long; call the result once with what was reached. */
export function progress(label: string): (result: string) => void;
