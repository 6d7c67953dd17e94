// Tokens of the users. Where they come from can be told to another process.
import { exec } from "node:child_process";
import { promisify } from "node:util";

/** `dev`: the development issuer of a product that runs here. `command`: prints the token of the user that stands for `{user}`. */
export type TokenSource = { kind: "dev"; url: string } | { kind: "command"; command: string };

export class Tokens {
  private readonly source: TokenSource;
  private readonly known = new Map<string, Promise<string>>();

  constructor(source: TokenSource) {
    this.source = source;
  }

  of(user: string): Promise<string> {
    const known = this.known.get(user) ?? this.ask(user);
    this.known.set(user, known);
    return known;
  }

  private async ask(user: string): Promise<string> {
    if (this.source.kind === "dev") return askDevToken(this.source.url, { user_id: user });
    const { stdout } = await promisify(exec)(this.source.command.replaceAll("{user}", user));
    return stdout.trim();
  }
}

export async function askDevToken(url: string, body: { user_id: string; scope?: "service" }): Promise<string> {
  const response = await fetch(`${url}/dev/token`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`/dev/token answered ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}
