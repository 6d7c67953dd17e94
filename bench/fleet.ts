// The generator as the bench sees it: as many processes as it was given, told what to do together.
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import type { CommandName, Commands, Counted, FromGenerator, Spoken, ToGenerator } from "./generator/commands.ts";
import { homeOf } from "./generator/shard.ts";
import type { Plan } from "./workloads.ts";

const PROGRAM = path.join(import.meta.dirname, "generator", "main.ts");

interface Waiting {
  resolve(gives: Commands[CommandName]["gives"]): void;
  reject(error: Error): void;
}

export class Fleet {
  readonly plan: Plan;
  private readonly children: ChildProcess[];
  private readonly waiting = new Map<number, Waiting>();
  private readonly failed = Promise.withResolvers<never>();
  private ids = 0;
  private over = false;
  /** Messages of the last stop, by sender. */
  private sent: number[] = [];

  private constructor(plan: Plan, count: number) {
    this.plan = plan;
    this.failed.promise.catch(() => undefined);
    this.children = Array.from({ length: count }, () => {
      const child = fork(PROGRAM, [], { serialization: "advanced" });
      child.on("message", (message: FromGenerator) => this.take(message));
      child.once("exit", (code, signal) => this.fail(new Error(`a generator process ended with ${signal ?? code}`)));
      return child;
    });
  }

  /** Connected, and in its conversation. */
  static async raise(spoken: Spoken, plan: Plan, count: number): Promise<Fleet> {
    const fleet = new Fleet(plan, count);
    try {
      const run = crypto.randomUUID().slice(0, 8);
      await fleet.each("connect", (index) => ({ spoken, plan, share: { index, count }, run }));
      if (plan.kind === "load") {
        const conversationId = plan.shape === "group" ? await fleet.first("group", null) : null;
        await fleet.all("enter", { conversationId });
      }
      return fleet;
    } catch (error) {
      await fleet.close();
      throw error;
    }
  }

  get size(): number {
    return this.children.length;
  }

  /** Rejects when a message is lost, repeated or out of order, a connection is closed or a process ends. */
  get failure(): Promise<never> {
    return this.failed.promise;
  }

  /** Of all traffic so far. */
  get messages(): number {
    return this.sent.reduce((sum, count) => sum + count, 0);
  }

  start(at: number): Promise<unknown> {
    return this.all("start", { at });
  }

  /** One answer of each process. */
  count(from: number, to: number): Promise<Counted[]> {
    return this.all("count", { from, to });
  }

  /** No new messages, and everybody has all that were sent. */
  async drain(): Promise<void> {
    const sent: number[] = [];
    for (const process of await this.all("stop", null)) for (const { sender, sent: count } of process) sent[sender] = count;
    this.sent = sent;
    const digests = await this.all("drain", { sent });
    if (this.plan.kind === "load" && this.plan.shape === "group" && new Set(digests).size > 1) throw new Error("two processes saw messages at different places of the order");
  }

  miss(): Promise<null> {
    return this.first("miss", null);
  }

  catchUp(): Promise<number> {
    return this.first("catchUp", null);
  }

  async close(): Promise<void> {
    if (!this.over) await this.all("close", null).catch(() => undefined);
    this.over = true;
    await Promise.all(this.children.map((child) => new Promise<void>((resolve) => {
      if (child.exitCode !== null || child.signalCode !== null) resolve();
      child.once("exit", () => resolve());
      if (child.connected) child.disconnect();
    })));
  }

  private first<N extends CommandName>(name: N, takes: Commands[N]["takes"]): Promise<Commands[N]["gives"]> {
    return this.command(this.children[0] as ChildProcess, name, takes);
  }

  private all<N extends CommandName>(name: N, takes: Commands[N]["takes"]): Promise<Commands[N]["gives"][]> {
    return this.each(name, () => takes);
  }

  private each<N extends CommandName>(name: N, takes: (index: number) => Commands[N]["takes"]): Promise<Commands[N]["gives"][]> {
    return Promise.all(this.children.map((child, index) => this.command(child, name, takes(index))));
  }

  private command<N extends CommandName>(child: ChildProcess, name: N, takes: Commands[N]["takes"]): Promise<Commands[N]["gives"]> {
    this.ids += 1;
    const id = this.ids;
    const answer = new Promise<Commands[N]["gives"]>((resolve, reject) => {
      this.waiting.set(id, { resolve: (gives) => resolve(gives as Commands[N]["gives"]), reject });
    });
    // The name and what it takes belong together by this method's types, which the union can't see.
    child.send({ type: "command", id, name, takes } as ToGenerator);
    return Promise.race([answer, this.failure]);
  }

  private take(message: FromGenerator): void {
    if (message.type === "arrived") {
      const { plan } = this;
      // A group's sender n is its member n.
      if (plan.kind === "load" && !this.over) (this.children[homeOf(plan, message.sender, this.size)] as ChildProcess).send(message);
      return;
    }
    if (message.type === "failed" && message.id === null) {
      this.fail(new Error(message.reason));
      return;
    }
    const waiting = this.waiting.get(message.id as number);
    this.waiting.delete(message.id as number);
    if (message.type === "done") waiting?.resolve(message.gives);
    else waiting?.reject(new Error(message.reason));
  }

  private fail(error: Error): void {
    if (this.over) return;
    this.failed.reject(error);
  }
}
