// The soak's generator processes, as many as the sockets need, seen as one.
import { type ChildProcess, fork } from "node:child_process";
import path from "node:path";
import { cpuOf } from "../processes.ts";
import { type Percentiles, percentiles } from "../samples.ts";
import type { Counts, Findings, FromGenerator, ToGenerator, VillagePlan } from "./link.ts";
import type { PhaseName } from "./phases.ts";

/** What one process keeps up with beside a server on the same two cores. */
const SOCKETS_EACH = 1_000;
const FILE = path.join(import.meta.dirname, "generator.ts");

/** Of all generators together. */
export interface Traffic {
  ack: Percentiles | null;
  delivery: Percentiles | null;
  acks: number;
  deliveries: number;
  sockets: number;
  counts: Counts;
}

export class Generators {
  private readonly children: ChildProcess[] = [];
  private readonly over = Promise.withResolvers<never>();

  /** Resolves once everybody is connected. */
  static async start(plan: Omit<VillagePlan, "number">): Promise<Generators> {
    const count = Math.ceil(plan.sockets / SOCKETS_EACH);
    const generators = new Generators(count);
    try {
      await generators.ask((i) => ({
        type: "begin", plan: { ...plan, number: i, sockets: share(plan.sockets, i, count), messagesPerSecond: plan.messagesPerSecond / count },
      }), "ready");
    } catch (error) {
      generators.stop();
      throw error;
    }
    return generators;
  }

  private constructor(count: number) {
    this.over.promise.catch(() => undefined);
    for (let i = 0; i < count; i += 1) {
      const child = fork(FILE, { serialization: "advanced" });
      child.on("exit", (code) => this.over.reject(new Error(`generator ${i} ended with code ${code}`)));
      child.on("message", (message: FromGenerator) => {
        if (message.type === "failed") this.over.reject(new Error(`generator ${i}: ${message.reason}`));
      });
      this.children.push(child);
    }
  }

  /** CPU of all, ms. */
  get cpu(): number {
    return this.children.reduce((sum, { pid }) => sum + (pid === undefined ? 0 : cpuOf(pid)), 0);
  }

  set(phase: PhaseName): void {
    for (const child of this.children) child.send({ type: "phase", phase } satisfies ToGenerator);
  }

  async window(): Promise<Traffic> {
    const windows = (await this.ask(() => ({ type: "window" }), "window")).map(({ window }) => window);
    const [acks, deliveries] = [windows.map(({ ack }) => ack), windows.map(({ delivery }) => delivery)];
    const counts = windows.map((window) => window.counts).reduce((sum, more) => Object.fromEntries(Object.entries(sum).map(([name, value]) => [name, value + more[name as keyof Counts]])) as unknown as Counts);
    return {
      ack: percentiles(acks), delivery: percentiles(deliveries), acks: countOf(acks), deliveries: countOf(deliveries),
      sockets: windows.reduce((sum, { sockets }) => sum + sockets, 0), counts,
    };
  }

  async finish(): Promise<Findings[]> {
    return (await this.ask(() => ({ type: "finish" }), "finished")).map(({ findings }) => findings);
  }

  stop(): void {
    for (const child of this.children) {
      child.removeAllListeners();
      child.kill();
    }
  }

  /** Every generator's answer; rejects when one of them fails or ends. */
  private ask<T extends FromGenerator["type"]>(message: (i: number) => ToGenerator, type: T): Promise<Extract<FromGenerator, { type: T }>[]> {
    const answers = this.children.map((child, i) => new Promise<Extract<FromGenerator, { type: T }>>((resolve) => {
      const heard = (answer: FromGenerator): void => {
        if (answer.type !== type) return;
        child.off("message", heard);
        resolve(answer as Extract<FromGenerator, { type: T }>);
      };
      child.on("message", heard);
      child.send(message(i));
    }));
    return Promise.race([Promise.all(answers), this.over.promise]);
  }
}

function share(total: number, i: number, count: number): number {
  return Math.floor((total * (i + 1)) / count) - Math.floor((total * i) / count);
}

function countOf(parts: readonly Float64Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
