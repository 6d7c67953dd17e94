// chat.proto from the schemas of frames. A field keeps the number that it has in the text before; a new one gets the next,
// and a number that is not used any more is reserved.
import { downShapes, type Field, type FrameShape, type RecordShape, type Shape, upShapes } from "../../protocol/protobuf/shape.ts";

const HEAD = `// The frames of the subprotocol \`chat.v1.pb\`, the same as those of \`chat.v1.json\`: docs/protocol.md says what they mean.
// A binary message holds UpFrames or DownFrames. Written by \`npm run proto\` from the schemas in protocol/frames; don't
// edit it. After a conflict of two branches run it again.
syntax = "proto3";

package confab.chat.v1;
`;

const INDENT = "  ";

/** Numbers by message (with its outer ones) and field. */
type Numbers = Map<string, Map<string, number>>;

interface Before {
  numbers: Numbers;
  reserved: Map<string, Set<number>>;
}

/** @param before the text until now; "" for none */
export function protoText(before: string): string {
  const known = read(before);
  const part = (side: "Up" | "Down", frames: FrameShape[], comment: string): string => [
    `// ${comment}\nmessage ${side}Frames {\n  repeated ${side}Frame frames = 1;\n}`,
    oneof(known, `${side}Frame`, frames.map(({ name }) => ({ name, type: side + pascal(name) }))),
    ...frames.map(({ name, shape }) => message(known, [side + pascal(name)], shape)),
  ].join("\n\n");
  const up = part("Up", upShapes(), "A message of a client. Each frame is answered for itself, in this order.");
  return `${HEAD}\n${up}\n\n${part("Down", downShapes(), "A message of the server. A binary message whose first byte is 0 is no DownFrames but a `notify`.")}\n`;
}

/** Fields that the text lacks or has too much, one line each, for whoever must act. */
export function protoChanges(before: string, after: string): string[] {
  const lines = (text: string): string[] => [...read(text).numbers].flatMap(([path, fields]) => [...fields.keys()].map((name) => `${path}.${name}`));
  const [old, now] = [new Set(lines(before)), new Set(lines(after))];
  return [...[...now].filter((line) => !old.has(line)).map((line) => `+ ${line}`), ...[...old].filter((line) => !now.has(line)).map((line) => `- ${line}`)];
}

function oneof(known: Before, name: string, frames: { name: string; type: string }[]): string {
  const { numbers, reserved } = numbered(known, name, frames.map((frame) => frame.name));
  const lines = frames.map((frame, i) => `${INDENT}${INDENT}${frame.type} ${frame.name} = ${numbers[i]};`);
  return `message ${name} {\n${reserved(INDENT)}${INDENT}oneof frame {\n${lines.join("\n")}\n${INDENT}}\n}`;
}

function message(known: Before, path: readonly string[], shape: RecordShape): string {
  const indent = INDENT.repeat(path.length);
  const { numbers, reserved } = numbered(known, path.join("."), shape.fields.map((field) => field.name));
  const inner: string[] = [];
  const lines = shape.fields.map((field, i) => {
    const nested = recordIn(field.shape);
    const name = pascal(field.name);
    if (nested !== null) inner.push(message(known, [...path, name], nested));
    return `${indent}${typed(field, name)} ${field.name} = ${numbers[i]};${remark(field)}`;
  });
  const body = [...inner, ...lines].map((line) => `${line}\n`).join("");
  const outer = INDENT.repeat(path.length - 1);
  return body === "" ? `${outer}message ${path.at(-1)} {}` : `${outer}message ${path.at(-1)} {\n${reserved(indent)}${body}${outer}}`;
}

function recordIn(shape: Shape): RecordShape | null {
  if (shape.kind === "list") return recordIn(shape.item);
  if (shape.kind === "map") return recordIn(shape.value);
  return shape.kind === "record" ? shape : null;
}

function typed({ shape, absent }: Field, name: string): string {
  if (shape.kind === "list") return `repeated ${typeOf(shape.item, name)}`;
  if (shape.kind === "map") return `map<string, ${typeOf(shape.value, name)}>`;
  const type = typeOf(shape, name);
  return absent === "zero" || shape.kind === "record" ? type : `optional ${type}`;
}

function typeOf(shape: Shape, name: string): string {
  if (shape.kind === "record") return name;
  return shape.kind === "json" ? "string" : shape.kind;
}

function remark({ shape, absent }: Field): string {
  const notes = [...(shape.kind === "json" ? ["JSON text"] : []), ...(absent === "null" ? ["absent: null"] : [])];
  return notes.length === 0 ? "" : ` // ${notes.join("; ")}`;
}

function pascal(name: string): string {
  return name.split("_").map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join("");
}

/** Two branches may have given one number to two fields: the second one gets another. */
function numbered(known: Before, path: string, names: readonly string[]): { numbers: number[]; reserved: (indent: string) => string } {
  const before = known.numbers.get(path) ?? new Map<string, number>();
  const gone = new Set(known.reserved.get(path));
  for (const [name, number] of before) if (!names.includes(name)) gone.add(number);
  const taken = new Set<number>();
  const kept = names.map((name) => {
    const number = before.get(name);
    if (number === undefined || taken.has(number)) return null;
    taken.add(number);
    return number;
  });
  for (const number of taken) gone.delete(number);
  let last = Math.max(0, ...taken, ...gone);
  const numbers = kept.map((number) => number ?? (last += 1));
  const list = [...gone].toSorted((a, b) => a - b).join(", ");
  return { numbers, reserved: (indent) => (list === "" ? "" : `${indent}reserved ${list};\n`) };
}

/** Only of texts that were written here, and of two such that git has merged. */
function read(text: string): Before {
  const numbers: Numbers = new Map();
  const reserved: Before["reserved"] = new Map();
  const path: string[] = [];
  for (const line of text.split("\n").map((raw) => raw.replace(/\/\/.*/, "").trim())) {
    const opened = /^message (\w+) \{(\})?$/.exec(line);
    const field = /^[\w<>, ]+ (\w+) = (\d+);$/.exec(line);
    const at = path.filter((part) => part !== "").join(".");
    if (opened?.[2] === "}") numbers.set([at, opened[1]].filter(Boolean).join("."), new Map());
    else if (opened !== null) path.push(opened[1] as string);
    else if (line.startsWith("oneof ")) path.push("");
    else if (line === "}") path.pop();
    else if (line.startsWith("reserved ")) reserved.set(at, new Set([...(reserved.get(at) ?? []), ...(line.match(/\d+/g) ?? []).map(Number)]));
    else if (field !== null) numbers.set(at, (numbers.get(at) ?? new Map<string, number>()).set(field[1] as string, Number(field[2])));
  }
  return { numbers, reserved };
}
