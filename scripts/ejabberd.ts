// ejabberd with PostgreSQL for the bench, which starts this: says over IPC where they are, answers what is stored, and ends both when the
// channel closes.
import { PASSWORD, startEjabberd } from "./services/ejabberd.ts";

/** As bench/peers/ejabberd.ts reads it. */
type FromEjabberd =
  | { type: "ready"; url: string; password: string; pids: { ejabberd: number; postgres: number } }
  | { type: "stored"; messages: number; rows: number }
  | { type: "failed"; reason: string };

/** A message is there when all archives that must have it do: the room's, or the sender's and the recipient's. */
const MESSAGES = `SELECT count(*) FROM (SELECT 1 FROM archive GROUP BY substring(xml FROM 'id=''([^'']+)''') HAVING count(*) >= min(CASE kind WHEN 'groupchat' THEN 1 ELSE 2 END)) stored`;
/** With their index entries, as the others count. */
const ROWS = `SELECT coalesce(sum(s.n_tup_ins * (1 + (SELECT count(*) FROM pg_index i WHERE i.indrelid = s.relid)) + s.n_tup_upd + s.n_tup_del), 0) FROM pg_stat_user_tables s`;

function tell(message: FromEjabberd): void {
  if (process.connected) process.send?.(message);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function main(folder: string): Promise<void> {
  const server = await startEjabberd(folder);
  const { url, ejabberd, postgres } = server;
  const end = (): void => void server.stop().finally(() => process.exit(0));
  process.on("message", () => {
    Promise.all([MESSAGES, ROWS].map((sql) => postgres.query(sql))).then(
      ([messages, rows]) => tell({ type: "stored", messages: Number(messages), rows: Number(rows) }),
      (error: unknown) => tell({ type: "failed", reason: reasonOf(error) }),
    );
  });
  process.once("disconnect", end);
  process.once("SIGTERM", end);
  tell({ type: "ready", url, password: PASSWORD, pids: { ejabberd: ejabberd.pid, postgres: postgres.pid } });
}

process.on("SIGINT", () => undefined);
const [, , folder = ""] = process.argv;
main(folder).catch((error: unknown) => {
  tell({ type: "failed", reason: reasonOf(error) });
  process.exitCode = 1;
});
