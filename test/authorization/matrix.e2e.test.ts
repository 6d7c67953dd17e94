// Who may: every route and every frame by every actor, over the started product.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Answer, request } from "../e2e/api.ts";
import { type Frame, RawSocket, refusedUpgrade } from "../e2e/raw-socket.ts";
import { type Actor, ACTORS, USERS, type UserActor } from "./actors.ts";
import { FRAMES } from "./frames.ts";
import { type Case, type Door, ROUTES } from "./routes.ts";
import { ABSENT, archiverToken, type Scene, World } from "./world.ts";

let world: World;
/** Where whoever is refused stands: nothing may change here. */
let shared: Scene;
beforeAll(async () => {
  world = await World.start();
  shared = await world.scene();
});
afterAll(() => world.stop());

const isUser = (actor: Actor): actor is UserActor => (USERS as readonly Actor[]).includes(actor);

/** What an actor gets at a door; null: they get past it. */
function atTheDoor(door: Door, actor: Actor): string | null {
  const passes = door === "open" || (door === "archiver" ? actor === "archiver" : isUser(actor) ? door !== "service" : actor === "service" && door !== "user");
  if (passes) return null;
  if (door === "archiver" || actor === "anonymous" || actor === "archiver") return "401 unauthorized";
  if (actor === "expired") return "401 token_expired";
  // The door of the service has no user to ask for.
  if (door === "service") return "403 forbidden";
  return actor === "deactivated" ? "403 deactivated" : actor === "revoked" ? "401 unauthorized" : "403 forbidden";
}

function expected(door: Door, given: Case, actor: Actor): string {
  return atTheDoor(door, actor) ?? (isUser(actor) ? given.users?.[actor] : undefined) ?? given.ok ?? "no expectation";
}

async function ask(route: string, given: Case, actor: Actor, scene: Scene): Promise<Answer> {
  const [method = ""] = route.split(" ");
  const place = world.place(actor, scene);
  const token = actor === "archiver" ? await archiverToken(world.product) : world.people[actor].token;
  const body = given.body === undefined ? {} : { body: JSON.stringify(given.body(place)) };
  return request(world.product.url + given.path(place), method, {
    ...body, headers: { "content-type": "application/json", ...(token === "" ? {} : { authorization: `Bearer ${token}` }) },
  });
}

function told({ status, body }: Answer): string {
  const code = (body as { error?: { code: string } } | null)?.error?.code;
  return code === undefined ? String(status) : `${status} ${code}`;
}

const cases = Object.entries(ROUTES).flatMap(([route, { door, cases: all }]) => all.map((given) => [given.name === undefined ? route : `${route}: ${given.name}`, route, door, given] as const));

describe("[S18] every route answers each actor as the table says", () => {
  test.each(cases)("%s", async (_name, route, door, given) => {
    const answers: [Actor, string][] = [];
    for (const actor of ACTORS) {
      const wanted = expected(door, given, actor);
      // What succeeds may change what it is done to.
      const scene = wanted.startsWith("2") && !route.startsWith("GET") ? await world.scene() : shared;
      answers.push([actor, told(await ask(route, given, actor, scene))]);
    }
    expect(Object.fromEntries(answers)).toEqual(Object.fromEntries(ACTORS.map((actor) => [actor, expected(door, given, actor)])));
  });
});

test("[S18] a socket opens for users alone", async () => {
  const { wsUrl } = world.product;
  for (const actor of ACTORS) {
    const { token } = world.people[actor];
    const wanted = atTheDoor("user", actor);
    if (wanted === null) await (await RawSocket.open(wsUrl, { token })).close();
    else {
      const { status, code } = await refusedUpgrade(wsUrl, token === "" ? {} : { token });
      expect([actor, `${status} ${code}`]).toEqual([actor, wanted]);
    }
  }
});

const hidden = cases.filter(([, , , given]) => given.users?.stranger === "404 not_found");

describe("[S19] what somebody may not see and what is not there are one answer, to the byte", () => {
  test.each(hidden)("%s", async (_name, route, _door, given) => {
    const strangers = [["stranger", shared], ["removed", shared], ["banned", shared], ["stranger", ABSENT], ["removed", ABSENT], ["owner", ABSENT], ["blocked", ABSENT]] as const;
    const answers = await Promise.all(strangers.map(async ([actor, scene]) => {
      const { status, text, headers } = await ask(route, given, actor, scene);
      return JSON.stringify([status, text, [...headers.keys()].filter((name) => name !== "date")]);
    }));
    expect(new Set(answers).size, answers.join("\n")).toBe(1);
  });

  test("and nearly in the same time", async () => {
    const given = ROUTES["GET /v1/history/:conversation_id"]?.cases[0] as Case;
    const took = async (scene: Scene): Promise<number> => {
      const begun = performance.now();
      await ask("GET /v1/history/:conversation_id", given, "stranger", scene);
      return performance.now() - begun;
    };
    const medianOf = (times: number[]): number => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
    const apart: number[] = [];
    // On a busy machine one round of three may be off.
    for (let round = 0; round < 3; round += 1) {
      const [present, absent]: [number[], number[]] = [[], []];
      for (let i = 0; i < 30; i += 1) {
        present.push(await took(shared));
        absent.push(await took(ABSENT));
      }
      apart.push(Math.abs(medianOf(present) - medianOf(absent)) / medianOf([...present, ...absent]));
      if ((apart.at(-1) as number) < 0.3) return;
    }
    expect.fail(`the medians lie apart by ${apart.map((share) => `${Math.round(share * 100)}%`).join(", ")}`);
  });
});

/** What a frame was answered: `ack`, another frame's type, an error's code, or "-" for nothing. Some answers come when they can: `wanted` is waited for. */
async function answered(socket: RawSocket, frame: Record<string, unknown>, wanted: string): Promise<string> {
  const before = socket.frames.length;
  const behind = (given: Frame): boolean => socket.frames.indexOf(given) >= before;
  const isAnswer = (given: Frame): boolean => behind(given) && ["ack", "error", "presence", "heartbeat"].includes(given.type) && given["profile"] !== "steady";
  socket.send([frame, { type: "heartbeat", profile: "steady" }]);
  await socket.take((given) => behind(given) && given["profile"] === "steady");
  const answer = wanted === "-" ? socket.frames.find(isAnswer) : await socket.take(isAnswer);
  if (answer === undefined) return "-";
  return answer.type === "error" ? String(answer["code"]) : answer.type;
}

describe("[S18] every frame answers each user as the table says", () => {
  const frames = Object.entries(FRAMES).flatMap(([type, all]) => all.map((given) => [given.name === undefined ? type : `${type}: ${given.name}`, type, given] as const));
  const sockets = new Map<UserActor, RawSocket>();
  beforeAll(async () => {
    for (const actor of USERS) sockets.set(actor, await RawSocket.open(world.product.wsUrl, { token: world.people[actor].token, device_id: "matrix" }));
  });

  test.each(frames)("%s", async (_name, type, given) => {
    const answers: [string, string][] = [];
    for (const actor of USERS) {
      const scene = given.users[actor] === "ack" ? await world.scene() : shared;
      answers.push([actor, await answered(sockets.get(actor) as RawSocket, { type, ...given.frame(world.place(actor, scene)) }, given.users[actor])]);
    }
    expect(Object.fromEntries(answers)).toEqual(given.users);
  });

  test("[S19] of what is not there a frame says the same, to the byte, and nothing came late", async () => {
    const shapes = new Map<string, Set<string>>();
    for (const [actor, socket] of sockets) {
      for (const frame of socket.frames.filter(({ type }) => type === "error")) {
        const { conversation_id: _conversation, client_msg_id: _key, ...rest } = frame;
        if (rest["code"] === "not_found") shapes.set(actor, (shapes.get(actor) ?? new Set()).add(JSON.stringify(rest)));
      }
    }
    for (const [name, type, given] of frames.filter(([, , { users }]) => users.stranger === "not_found")) {
      for (const [actor, socket] of sockets) {
        const before = socket.frames.length;
        expect([name, actor, await answered(socket, { type, ...given.frame(world.place(actor, ABSENT)) }, "not_found")]).toEqual([name, actor, "not_found"]);
        const answer = socket.frames.slice(before).find((frame) => frame.type === "error") as Frame;
        const { conversation_id: _conversation, client_msg_id: _key, ...rest } = answer;
        shapes.set(actor, (shapes.get(actor) ?? new Set()).add(JSON.stringify(rest)));
      }
    }
    expect(new Set([...shapes.values()].flatMap((texts) => [...texts])).size).toBe(1);
    for (const [actor, socket] of sockets) {
      const errors = socket.frames.filter(({ type }) => type === "error").length;
      const absent = frames.filter(([, , { users }]) => users.stranger === "not_found").length;
      const wanted = frames.filter(([, , { users }]) => !["ack", "-", "presence", "heartbeat"].includes(users[actor])).length;
      expect([actor, errors]).toEqual([actor, wanted + absent]);
    }
  });
});

test("[S18] whoever was refused has changed nothing", async () => {
  const [group, direct] = [await world.contents(shared), await world.contentsOfDirect()];
  const [head, members] = JSON.parse(group) as [number, number];
  expect([head, members]).toEqual([5, 4]);
  expect((JSON.parse(direct) as [number])[0]).toBe(3);
});
