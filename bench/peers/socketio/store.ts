// Messages in SQLite. `synchronous = FULL`: a commit is on disk when it returns, with write-ahead log as without.
import { randomUUID } from "node:crypto";
import { DatabaseSync } from "node:sqlite";

export interface Draft {
  to?: string;
  conversation_id?: string;
  client_msg_id: string;
  content: string;
}

export interface Stored {
  conversation_id: string;
  seq: number;
  sender: string;
  client_msg_id: string;
  content: string;
  sent_at: number;
}

export class Store {
  /** Written since the start. */
  rows = 0;
  private readonly db: DatabaseSync;
  private readonly statements;
  private readonly heads = new Map<string, number>();
  private readonly known = new Map<string, string[]>();

  constructor(file: string) {
    this.db = new DatabaseSync(file);
    this.db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS members (conversation_id TEXT, user TEXT, PRIMARY KEY (conversation_id, user)) STRICT, WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS by_user ON members (user);
      CREATE TABLE IF NOT EXISTS messages (
        conversation_id TEXT, seq INTEGER, sender TEXT NOT NULL, client_msg_id TEXT NOT NULL, content TEXT NOT NULL, sent_at INTEGER NOT NULL,
        PRIMARY KEY (conversation_id, seq)) STRICT, WITHOUT ROWID;
      CREATE UNIQUE INDEX IF NOT EXISTS by_key ON messages (sender, client_msg_id);`);
    this.statements = {
      insert: this.db.prepare("INSERT INTO messages (conversation_id, seq, sender, client_msg_id, content, sent_at) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"),
      byKey: this.db.prepare("SELECT * FROM messages WHERE sender = ? AND client_msg_id = ?"),
      head: this.db.prepare("SELECT max(seq) AS seq FROM messages WHERE conversation_id = ?"),
      since: this.db.prepare("SELECT * FROM messages WHERE conversation_id = ? AND seq > ? ORDER BY seq"),
      join: this.db.prepare("INSERT INTO members (conversation_id, user) VALUES (?, ?) ON CONFLICT DO NOTHING"),
      members: this.db.prepare("SELECT user FROM members WHERE conversation_id = ?"),
      groups: this.db.prepare("SELECT conversation_id FROM members WHERE user = ? AND conversation_id LIKE 'g.%'"),
      count: this.db.prepare("SELECT count(*) AS count FROM messages"),
    };
  }

  /** One transaction; each with its place, and whether it is new. */
  commit(entries: readonly { sender: string; draft: Draft }[]): { message: Stored; fresh: boolean }[] {
    const sent_at = Date.now();
    this.db.exec("BEGIN IMMEDIATE");
    try {
      const stored = entries.map(({ sender, draft }) => this.place(sender, draft, sent_at));
      this.db.exec("COMMIT");
      return stored;
    } catch (error) {
      this.db.exec("ROLLBACK");
      this.heads.clear();
      throw error;
    }
  }

  isGroup(conversation: string): boolean {
    return conversation.startsWith("g.");
  }

  members(conversation: string): string[] {
    const known = this.known.get(conversation) ?? this.statements.members.all(conversation).map(({ user }) => user as string);
    this.known.set(conversation, known);
    return known;
  }

  groupsOf(user: string): string[] {
    return this.statements.groups.all(user).map(({ conversation_id }) => conversation_id as string);
  }

  createGroup(members: readonly string[]): string {
    const id = `g.${randomUUID()}`;
    this.db.exec("BEGIN IMMEDIATE");
    for (const member of members) this.statements.join.run(id, member);
    this.db.exec("COMMIT");
    return id;
  }

  since(conversation: string, seq: number): Stored[] {
    return this.statements.since.all(conversation, seq) as unknown as Stored[];
  }

  count(): number {
    return Number(this.statements.count.get()?.["count"]);
  }

  private place(sender: string, { to, conversation_id, client_msg_id, content }: Draft, sent_at: number): { message: Stored; fresh: boolean } {
    const conversation = to === undefined ? (conversation_id ?? "") : this.direct(sender, to);
    if (!this.members(conversation).includes(sender)) throw new Error(`${sender} is no member of ${conversation}`);
    const seq = this.headOf(conversation) + 1;
    const { changes } = this.statements.insert.run(conversation, seq, sender, client_msg_id, content, sent_at);
    if (changes === 0) return { message: this.statements.byKey.get(sender, client_msg_id) as unknown as Stored, fresh: false };
    this.heads.set(conversation, seq);
    // The row and its entry in the index of keys.
    this.rows += 2;
    return { message: { conversation_id: conversation, seq, sender, client_msg_id, content, sent_at }, fresh: true };
  }

  private direct(sender: string, to: string): string {
    const pair = [sender, to].toSorted();
    const id = `d.${pair.join(".")}`;
    if (this.members(id).length > 0) return id;
    for (const user of pair) this.statements.join.run(id, user);
    this.known.set(id, pair);
    return id;
  }

  private headOf(conversation: string): number {
    return this.heads.get(conversation) ?? Number(this.statements.head.get(conversation)?.["seq"] ?? 0);
  }
}
