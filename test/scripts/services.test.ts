// How test servers are started, remembered and ended; a small Node server stands for them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, onTestFinished, test, vi } from "vitest";
import { isAlive, startTime } from "../../scripts/bootstrap/lock.mjs";
import { cassandraYaml } from "../../scripts/services/cassandra-config.ts";
import { installOnce } from "../../scripts/services/cache.ts";
import { freePort } from "../../scripts/ports.ts";
import { endServer, type Launch, launch, recordOf } from "../../scripts/services/server.ts";

const folder = mkdtempSync(path.join(tmpdir(), "confab-services-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SERVER = `require("node:net").createServer().listen(Number(process.argv[1]), "127.0.0.1")`;
/** It takes no notice of SIGTERM until it is forced. */
const DEAF = `process.on("SIGTERM", () => {}); ${SERVER}`;

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => { socket.destroy(); resolve(true); });
    socket.once("error", () => resolve(false));
  });
}

async function options(name: string, code = SERVER): Promise<Launch> {
  const dataDir = path.join(folder, name);
  const port = await freePort();
  return {
    name, dataDir, host: "127.0.0.1", port, command: process.execPath, args: ["-e", code, String(port)],
    log: path.join(folder, `${name}.log`), readyWithinMs: 10_000, isReady: () => answers(port),
  };
}

test("a server is remembered while it runs and gone when stopped", async () => {
  const wanted = await options("plain");
  const server = await launch(wanted);
  expect(recordOf(wanted.dataDir)).toMatchObject({ pid: server.pid, port: wanted.port });
  await server.stop();
  expect([recordOf(wanted.dataDir), await answers(wanted.port)]).toEqual([null, false]);
});

test("a suspended server is stopped too", async () => {
  const server = await launch(await options("suspended"));
  const started = startTime(server.pid);
  server.kill("SIGSTOP");
  await server.stop();
  expect(isAlive(server.pid, started)).toBe(false);
});

test("a server left on the folder is ended before another starts", async () => {
  const wanted = await options("again");
  const first = await launch(wanted);
  const started = startTime(first.pid);
  const second = await launch(wanted);
  expect(isAlive(first.pid, started)).toBe(false);
  expect(recordOf(wanted.dataDir)?.pid).toBe(second.pid);
  await second.stop();
});

test("a record of a process id that is somebody else's by now ends nothing", async () => {
  const wanted = await options("stale");
  await (await launch(wanted)).stop();
  writeFileSync(path.join(wanted.dataDir, "server.json"), JSON.stringify({ pid: process.pid, started: "1", host: "", port: 1 }));
  await endServer(wanted.dataDir);
  expect(recordOf(wanted.dataDir)).toBeNull();
});

test("a taken port is named and nobody else is taken for the server", async () => {
  const wanted = await options("taken");
  const other = createServer().listen(wanted.port, "127.0.0.1");
  onTestFinished(() => { other.close(); });
  await once(other, "listening");
  await expect(launch(wanted)).rejects.toThrow(`port ${wanted.port} of 127.0.0.1 is taken`);
});

test("a server that ends at its start is told with its last words", async () => {
  await expect(launch(await options("broken", `throw new Error("no disk")`))).rejects.toThrow("no disk");
});

test("a server that never answers is ended", async () => {
  const wanted = { ...(await options("mute")), readyWithinMs: 300, isReady: () => Promise.resolve(false) };
  await expect(launch(wanted)).rejects.toThrow("did not answer within 0.3 s");
  expect(recordOf(wanted.dataDir)).toBeNull();
});

test("a killed process takes its servers with it", async () => {
  const wanted = await options("tied", DEAF);
  const script = `
    import { launch } from ${JSON.stringify(new URL("../../scripts/services/server.ts", import.meta.url).href)};
    const server = await launch({ ...${JSON.stringify(wanted)}, isReady: () => Promise.resolve(true) });
    console.log(server.pid);
    setInterval(() => {}, 60_000);`;
  const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const pid = Number(String((await once(parent.stdout, "data"))[0]));
  const started = startTime(pid);
  expect(isAlive(pid, started)).toBe(true);
  parent.kill("SIGKILL");
  await vi.waitFor(() => expect(isAlive(pid, started)).toBe(false), { timeout: 5_000 });
});

test("what is installed once is built once, and a failed build leaves nothing", async () => {
  vi.stubEnv("XDG_CACHE_HOME", folder);
  onTestFinished(() => { vi.unstubAllEnvs(); });
  let builds = 0;
  const build = (fresh: string): Promise<void> => {
    builds += 1;
    writeFileSync(path.join(fresh, "file"), "whole");
    return Promise.resolve();
  };
  await expect(installOnce("thing-1", () => Promise.reject(new Error("no network")))).rejects.toThrow("no network");
  expect(existsSync(path.join(folder, "confab", "thing-1"))).toBe(false);
  const places = await Promise.all([installOnce("thing-1", build), installOnce("thing-1", build)]);
  expect([builds, new Set(places).size, existsSync(path.join(places[0] ?? "", "file"))]).toEqual([1, 1, true]);
});

test("a node's configuration leaves no gap", () => {
  const node = { dataDir: "/data", host: "127.0.0.2", port: 9042, storagePort: 7000, seeds: "127.0.0.1:7000", token: "-5", auth: true, durable: true, heapMb: 512 };
  const yaml = cassandraYaml(node);
  expect(yaml.split("\n").slice(1).join("\n")).not.toMatch(/@\w+@/);
  for (const line of [`initial_token: "-5"`, "commitlog_sync: batch", "authenticator: PasswordAuthenticator", "rpc_address: 127.0.0.2", "memtable_heap_space: 64MiB", "commitlog_total_space: 128MiB"]) expect(yaml).toContain(`${line}\n`);
  expect(cassandraYaml({ ...node, auth: false, durable: false })).toContain("commitlog_sync: periodic\ncommitlog_sync_period: 1000ms\n");
});
