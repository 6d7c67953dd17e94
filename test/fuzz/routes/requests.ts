// Requests to every route: valid, nearly valid and hostile, as plans that need no running product yet.
import fc from "fast-check";
import { ACTORS, type Actor, type Place } from "../../authorization/actors.ts";
import { type Case, ROUTES } from "../../authorization/routes.ts";
import { valuesOf } from "../../protocol/arbitraries.ts";
import { mutated, type Mutation, mutation } from "../mutations.ts";
import { BODIES, QUERIES } from "./schemas.ts";

export interface Plan {
  route: string;
  given: Case;
  actor: Actor;
  method: string;
  /** Bends what the case's path is. */
  path(path: string): string;
  /** Is the path that of the case? */
  straight: boolean;
  query: Readonly<Record<string, unknown>> | null;
  headers: Readonly<Record<string, string>>;
  token: "own" | "none" | "garbage" | "doubled";
  body(given: unknown): string | Uint8Array | undefined;
}

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"];
/** As they stand in a path: encoded where HTTP wants that. */
const SEGMENTS = [
  "", ".", "..", "%2e%2e", "%2f", "..%2f..%2fadmin", "%00", "%0d%0aX:1", "%ff", "%", "%zz", "a%20b", "__proto__", "constructor", "null", "-1", "0", "*", "%F0%9F%92%A9", "a".repeat(129), "a".repeat(3_000),
  `d.${"0".repeat(64)}`, `g.${"f".repeat(32)}`, `g.eu.${"0".repeat(32)}`, "00000000-0000-7000-8000-000000000000", "service", "m%2f..", `m%2F${"0".repeat(64)}`, "up%2F~%2F0",
];
const PARAMETERS = ["limit", "cursor", "after", "from", "to", "order", "content_type", "q", "users", "user_seq", "wait", "device_id", "msg_id", "conversation_id", "type", "size", "part", "name", "since", "archived", "status", "__proto__", "x"];
const VALUES = ["", "0", "-1", "1e9", "NaN", "%00", "%ff", "true", "null", "[]", "a,b,c", "999999999999999999999", "1.5", "%27%22", "é".repeat(50), "x".repeat(2_000), "__proto__", "*", "%2e%2e%2f", "0x10", "text,image"];
const CONTENT_TYPES = ["application/json", "text/plain", "multipart/form-data", "application/x-protobuf", "application/json; charset=utf-16", ";", "x".repeat(500)];
const HEADERS = [["Origin", "https://evil.example"], ["Origin", "null"], ["Accept", "text/html"], ["X-Forwarded-Proto", "http"], ["X-HTTP-Method-Override", "DELETE"], ["Range", "bytes=0-1"], ["Cookie", "a=b"], ["confab-upgrade", "{}"], ["Upgrade", "websocket"], ["If-None-Match", "*"]] as const;
/** What is done to them must not be what the others stand on. */
const HARMFUL = /deactivate|revoke$|erase\/(?:conversation|user)$|restore$/;

const identity = <T>(value: T): T => value;

function bentPath(): fc.Arbitrary<{ path(path: string): string; straight: boolean }> {
  const segment = fc.tuple(fc.nat(), fc.constantFrom(...SEGMENTS)).map(([at, hostile]) => ({
    straight: false,
    path: (path: string) => {
      const [before = "", query] = path.split("?");
      const parts = before.split("/");
      // The first two say which part of the edge it is.
      const place = 2 + (at % Math.max(1, parts.length - 2));
      return [parts.with(Math.min(place, parts.length - 1), hostile).join("/"), ...(query === undefined ? [] : [query])].join("?");
    },
  }));
  const more = fc.constantFrom("/", "//", "/x", "/../", ";a=b", "%00", "?", "?&&=&", "#x").map((end) => ({ straight: false, path: (path: string) => path + end }));
  return fc.oneof({ weight: 6, arbitrary: fc.constant({ straight: true, path: identity }) }, { weight: 2, arbitrary: segment }, { weight: 1, arbitrary: more });
}

function queryOf(route: string): fc.Arbitrary<Plan["query"]> {
  const hostile = fc.dictionary(fc.constantFrom(...PARAMETERS), fc.constantFrom(...VALUES), { maxKeys: 4, noNullPrototype: true });
  const schema = QUERIES[route];
  const valid = schema === undefined ? [] : [{ weight: 2, arbitrary: valuesOf(schema) as fc.Arbitrary<Record<string, unknown>> }];
  return fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 2, arbitrary: hostile }, ...valid);
}

function bodyOf(route: string): fc.Arbitrary<Plan["body"]> {
  const schema = BODIES[route];
  const json = (value: unknown): string | undefined => JSON.stringify(value);
  const of = (values: fc.Arbitrary<unknown> | null): fc.Arbitrary<Plan["body"]> => fc.tuple(values ?? fc.constant(undefined), fc.array(mutation, { maxLength: 2 }))
    .map(([value, mutations]) => (given: unknown) => json(mutated(values === null ? given : value, given === undefined && values === null ? [] : (mutations as Mutation[]))));
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant((given: unknown) => json(given)) },
    { weight: 4, arbitrary: of(null) },
    ...(schema === undefined ? [] : [{ weight: 4, arbitrary: of(valuesOf(schema)) }]),
    { weight: 1, arbitrary: fc.constantFrom("", "{", "null", "[]", "7", '"x"', "\ufeff{}", "[".repeat(60_000), '{"a":'.repeat(10_000)).map((text) => () => text) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => () => bytes) },
    { weight: 1, arbitrary: fc.constantFrom(129, 1_100).map((kilobytes) => () => new Uint8Array(kilobytes * 1_024).fill(0x61)) },
  );
}

/** Each route as often as any other. */
export const requests: fc.Arbitrary<Plan> = fc.oneof(...Object.entries(ROUTES).map(([route, { door, cases }]) => {
  const [own = "GET"] = route.split(" ");
  const insiders: Actor[] = door === "archiver" ? ["archiver"] : door === "service" ? ["service"] : ["owner", "member", "stranger"];
  return fc.record({
    route: fc.constant(route), given: fc.constantFrom(...cases),
    actor: fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...insiders) }, { weight: 1, arbitrary: fc.constantFrom(...ACTORS) }),
    method: fc.oneof({ weight: 9, arbitrary: fc.constant(own) }, { weight: 1, arbitrary: fc.constantFrom(...METHODS) }),
    bent: HARMFUL.test(route) ? fc.constant({ straight: true, path: identity<string> }) : bentPath(), query: queryOf(route),
    headers: fc.tuple(fc.constantFrom(...CONTENT_TYPES), fc.option(fc.constantFrom(...HEADERS), { nil: null, freq: 4 }))
      .map(([type, header]) => ({ "content-type": type, ...(header === null ? {} : { [header[0]]: header[1] }) })),
    token: fc.oneof({ weight: 12, arbitrary: fc.constant("own" as const) }, { weight: 1, arbitrary: fc.constantFrom("none" as const, "garbage" as const, "doubled" as const) }),
    body: bodyOf(route),
  }).map(({ bent, ...plan }): Plan => ({ ...plan, ...bent }));
}));

/** The path with its query, as it goes onto the wire. */
export function pathOf(plan: Plan, place: Place): string {
  const path = plan.path(plan.given.path(place));
  if (plan.query === null) return path;
  const query = Object.entries(plan.query).map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value)).replaceAll("%25", "%")}`).join("&");
  return `${path}${path.includes("?") ? "&" : "?"}${query}`;
}
