// Calls from a session to a conversation whose outcome is lost when they fail: they are made again, on a fresh stub.

const RETRY_MS = [50, 200, 500, 1_000];

/** Only for calls that are safe to make twice. Throws the last failure. */
export async function again<T>(call: () => Promise<T>): Promise<T> {
  for (const delay of RETRY_MS) {
    try {
      return await call();
    } catch (error) {
      // An overloaded object only gets worse by being asked again.
      if ((error as { overloaded?: boolean }).overloaded === true) throw error;
      await new Promise((resolve) => {
        setTimeout(resolve, delay);
      });
    }
  }
  return call();
}
