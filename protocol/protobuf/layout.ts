// Shapes with the numbers of chat.proto: what the codec walks along.
import type { DescMessage } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import type { Field, RecordShape, Scalar, Shape } from "./shape.ts";

export type Plain = Record<string, unknown>;

/** A record's fields with their numbers. */
export interface Layout {
  fields: Numbered[];
  byNumber: Map<number, Numbered>;
  /** A record of one field that stands for its value. */
  box: Numbered | null;
}

export interface Numbered {
  name: string;
  number: number;
  absent: Field["absent"];
  value: Value;
}

export type Value =
  | { kind: Scalar }
  | { kind: "list"; item: Value }
  | { kind: "map"; item: Value }
  | { kind: "record"; layout: Layout };

export function layoutOf(shape: RecordShape, message: DescMessage): Layout {
  const fields = shape.fields.map((field): Numbered => {
    const described = fieldOf(message, field.name);
    return { name: field.name, number: described.number, absent: field.absent, value: valueOf(field.shape, described.message) };
  });
  return { fields, byNumber: new Map(fields.map((field) => [field.number, field])), box: shape.box ? (fields[0] as Numbered) : null };
}

export function fieldOf(message: DescMessage, name: string): DescMessage["fields"][number] {
  const found = message.fields.find((field) => field.name === name);
  if (found === undefined) throw new Error(`chat.proto has no ${message.name}.${name}: run \`npm run proto\``);
  return found;
}

function valueOf(shape: Shape, message: DescMessage | undefined): Value {
  if (shape.kind === "list") return { kind: "list", item: valueOf(shape.item, message) };
  if (shape.kind === "map") return { kind: "map", item: valueOf(shape.value, message) };
  return shape.kind === "record" ? { kind: "record", layout: layoutOf(shape, message as DescMessage) } : shape;
}

export function isPacked(item: Value): boolean {
  return item.kind === "uint64" || item.kind === "bool";
}

export function wireOf(value: Value): WireType {
  return isPacked(value) ? WireType.Varint : WireType.LengthDelimited;
}
