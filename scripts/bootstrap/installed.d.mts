// Types of installed.mjs, for its tests.

/** Why the dependencies must be installed (again), or null when they are complete. Throws without package-lock.json. */
export function installProblem(root: string): string | null;
/** Called after a successful `npm ci`. */
export function markInstalled(root: string): void;
