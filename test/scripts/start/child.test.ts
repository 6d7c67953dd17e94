// Keeping one child running: real processes that end when the test says so.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { Child, type ChildSpec, type Notices } from "../../../scripts/start/child.ts";

const SCRIPT = `
  process.on("message", (message) => { if (message === "stop") process.exit(0); if (message === "die") process.exit(7); });
  process.send("up");`;

class World implements Notices {
  readonly events: string[] = [];
  readonly launched: ChildProcess[] = [];
  readonly child: Child;
  readonly #waiting = new Set<() => void>();

  constructor(changes: Partial<ChildSpec> = {}) {
    this.child = new Child({
      name: "it",
      clear: () => Promise.resolve(),
      launch: () => {
        const launched = spawn(process.execPath, ["--eval", SCRIPT], { stdio: ["ignore", "ignore", "inherit", "ipc"] });
        this.launched.push(launched);
        return launched;
      },
      untilServing: async (process, signal) => { await once(process, "message", { signal }); },
      ask: (process) => { process.send("stop"); },
      ...changes,
    }, this);
  }

  down(name: string, reason: string): void {
    this.#note(`${name} down: ${reason}`);
  }

  back(name: string): void {
    this.#note(`${name} back`);
  }

  async until(event: string): Promise<void> {
    while (!this.events.includes(event)) await new Promise<void>((resolve) => this.#waiting.add(resolve));
  }

  #note(event: string): void {
    this.events.push(event);
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

let world: World;
afterEach(async () => {
  await world.child.stop();
});

test("start resolves when it serves, stop when it is gone", async () => {
  world = new World();
  await world.child.start();
  const [first] = world.launched;
  await world.child.stop();
  expect(first?.exitCode).toBe(0);
  expect(world.child.pid).toBeNull();
  expect(world.events).toEqual([]);
});

test("a child that ends is started again and announced", async () => {
  world = new World();
  await world.child.start();
  world.launched[0]?.send("die");
  await world.until("it back");
  expect(world.events).toEqual(["it down: it ended with code 7", "it back"]);
  expect(world.child.pid).toBe(world.launched[1]?.pid);
});

test("a child that does not take the request is killed", { timeout: 20_000 }, async () => {
  world = new World({ ask: () => undefined });
  await world.child.start();
  await world.child.stop();
  expect(world.launched[0]?.signalCode).toBe("SIGKILL");
});

test("a first process that never serves rejects with the reason, and is tried again", async () => {
  let tries = 0;
  world = new World({
    untilServing: async (process, signal) => {
      tries += 1;
      await once(process, "message", { signal });
      if (tries === 1) throw new Error("the wrong answer");
    },
  });
  await expect(world.child.start()).rejects.toThrow("the wrong answer");
  await world.until("it back");
  expect(world.events).toEqual(["it down: the wrong answer", "it back"]);
});

test("what is left of an earlier process is cleared before each start; while that fails, nothing is started", async () => {
  let clears = 0;
  world = new World({
    clear: () => {
      clears += 1;
      return clears === 1 ? Promise.reject(new Error("it does not end")) : Promise.resolve();
    },
  });
  await expect(world.child.start()).rejects.toThrow("it does not end");
  await world.until("it back");
  expect(world.launched).toHaveLength(1);
});

test("a stop before it serves leaves no process", async () => {
  let launched: (child: ChildProcess) => void = () => undefined;
  const process = new Promise<ChildProcess>((resolve) => { launched = resolve; });
  world = new World({ untilServing: (child) => new Promise(() => launched(child)) });
  const started = world.child.start();
  const failed = expect(started).rejects.toThrow("stopped");
  const child = await process;
  await once(child, "message");
  await world.child.stop();
  await failed;
  expect(child.exitCode).toBe(0);
});
