// Preloaded into a child (`node --import`): ends it when its parent is gone. The parent holds the other end of the IPC channel.
const GRACE_MS = 3_000;

process.once("disconnect", () => {
  // The child's own handler for SIGTERM may finish what it does; if that hangs, it ends all the same.
  setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE_MS).unref();
  process.kill(process.pid, "SIGTERM");
});
// Without a channel, or with one that closed before this line, the event never comes.
if (!process.connected) process.kill(process.pid, "SIGTERM");
