// Which runtime instance this is: what an operator sees of where a user's devices are held.

let id: string | null = null;

/** New with every instance of the runtime. Made on first use: there is no randomness while a Worker starts. */
export function serverId(): string {
  id ??= crypto.randomUUID();
  return id;
}
