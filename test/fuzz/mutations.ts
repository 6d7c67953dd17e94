// From a value that is right to one that is wrong in a few places, as an arbitrary: what fails shrinks to the one place that matters.
import fc from "fast-check";

type Json = unknown;
type Path = readonly (string | number)[];

const HUGE = 140_000;
/** What stands where something else should. */
const odd: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(
    null, true, false, 0, -0, -1, 1.5, 1e308, 2 ** 53, -(2 ** 53), 2 ** 31, Number.MIN_VALUE, "", " ", "0", "null", "\u0000", "\ud800", "\u202e", "__proto__", "../..", "%00", "' OR 1=1 --", [], {}, [[]], [null],
  ),
  fc.constantFrom(300, 70_000, HUGE).map((length) => "é".repeat(length)),
  fc.constantFrom(10, 1_001).map((length) => Array.from({ length }, (_, i) => `u${i}`)),
  fc.constantFrom(5, 400).map((depth) => nested(depth)),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.jsonValue({ maxDepth: 3 }),
);

const names = fc.constantFrom("__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "type", "seq", "msg_id", "sender_id", "epoch", "TYPE", "", "\u0000", "a".repeat(300));

export type Mutation = { at: number } & (
  | { kind: "replace"; value: Json } | { kind: "drop" } | { kind: "add"; name: string; value: Json } | { kind: "rename"; name: string } | { kind: "wrap" } | { kind: "repeat"; times: number }
);

export const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ at: fc.nat(), kind: fc.constant("replace" as const), value: odd }),
  fc.record({ at: fc.nat(), kind: fc.constant("drop" as const) }),
  fc.record({ at: fc.nat(), kind: fc.constant("add" as const), name: names, value: odd }),
  fc.record({ at: fc.nat(), kind: fc.constant("rename" as const), name: names }),
  fc.record({ at: fc.nat(), kind: fc.constant("wrap" as const) }),
  fc.record({ at: fc.nat(), kind: fc.constant("repeat" as const), times: fc.constantFrom(2, 51, 1_001) }),
);

/** What stays of a value; the value itself stays as it was. */
export function mutated(value: Json, mutations: readonly Mutation[]): Json {
  return mutations.reduce((current, each) => change(current, each), value);
}

function change(value: Json, given: Mutation): Json {
  const paths = pathsOf(value);
  const path = paths[given.at % paths.length] as Path;
  return replaced(value, path, (node) => {
    switch (given.kind) {
      case "replace":
        return { kept: true, node: given.value };
      case "drop":
        return { kept: path.length === 0, node };
      case "wrap":
        return { kept: true, node: [node] };
      case "repeat":
        return { kept: true, node: Array.from({ length: given.times }, () => node) };
      case "add":
        return { kept: true, node: isRecord(node) ? withField(node, given.name, given.value) : node };
      case "rename":
        return { kept: true, node: isRecord(node) ? renamed(node, given.at, given.name) : node };
    }
  });
}

/** Own fields, also ones with names that an assignment would take for something else. */
function withField(record: Record<string, Json>, name: string, value: Json): Record<string, Json> {
  return Object.fromEntries([...Object.entries(record), [name, value]]);
}

function renamed(record: Record<string, Json>, at: number, name: string): Record<string, Json> {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.map(([field, value], i) => [i === at % entries.length ? name : field, value]));
}

function pathsOf(value: Json, path: Path = []): Path[] {
  if (path.length > 6) return [path];
  const inner = Array.isArray(value) ? value.slice(0, 20).flatMap((item, i) => pathsOf(item, [...path, i])) : isRecord(value) ? Object.entries(value).flatMap(([name, item]) => pathsOf(item, [...path, name])) : [];
  return [path, ...inner];
}

function replaced(value: Json, path: Path, by: (node: Json) => { kept: boolean; node: Json }): Json {
  const [first, ...rest] = path;
  if (first === undefined) return by(value).node;
  if (Array.isArray(value)) {
    return value.flatMap((item: Json, i) => {
      if (i !== first) return [item];
      const { kept, node } = rest.length === 0 ? by(item) : { kept: true, node: replaced(item, rest, by) };
      return kept ? [node] : [];
    });
  }
  return Object.fromEntries(Object.entries(value as Record<string, Json>).flatMap(([name, item]) => {
    if (name !== first) return [[name, item]];
    const { kept, node } = rest.length === 0 ? by(item) : { kept: true, node: replaced(item, rest, by) };
    return kept ? [[name, node]] : [];
  }));
}

function nested(depth: number): Json {
  let value: Json = 1;
  for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

function isRecord(value: Json): value is Record<string, Json> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
