// What the schemas of frames say, as far as protobuf is concerned: the one source of chat.proto and of its codec. Whatever
// protobuf has no words for (an absent list, a value that is absent or null) stands in a box: a message of one field.
import { DownFrame } from "../frames/down.ts";
import { UP_FRAMES } from "../frames/up.ts";

export type Scalar = "string" | "uint64" | "bool" | "json";

export interface Field {
  name: string;
  /** What it means where it is not on the wire: the zero of its kind, undefined or null. */
  absent: "zero" | "undefined" | "null";
  shape: Shape;
}

export type Shape =
  | { kind: Scalar }
  | { kind: "list"; item: Shape }
  | { kind: "map"; value: Shape }
  /** `box`: stands for its only field's value. */
  | { kind: "record"; fields: Field[]; box: boolean };
export type RecordShape = Extract<Shape, { kind: "record" }>;

export interface FrameShape {
  /** Its field in the oneof. */
  name: string;
  type: string;
  /** A field that no other frame of this type has; null where there is none. */
  mark: string | null;
  shape: RecordShape;
}

/** What valibot's schemas have in common, by their `type`. */
interface Schema {
  type: string;
  entries?: Record<string, Schema>;
  wrapped?: Schema;
  item?: Schema;
  value?: Schema;
  options?: readonly unknown[];
  literal?: unknown;
}

export function upShapes(): FrameShape[] {
  return frameShapes(Object.values(UP_FRAMES) as unknown as Schema[]);
}

export function downShapes(): FrameShape[] {
  return frameShapes(variants(DownFrame as unknown as Schema));
}

function variants(schema: Schema): Schema[] {
  return schema.type === "variant" || schema.type === "union" ? (schema.options as Schema[]).flatMap(variants) : [schema];
}

function frameShapes(schemas: readonly Schema[]): FrameShape[] {
  return schemas.map((schema) => {
    const { type: typeOf, ...entries } = entriesOf(schema);
    const type = typeOf?.literal as string;
    const others = schemas.filter((other) => other !== schema && entriesOf(other)["type"]?.literal === type).map(entriesOf);
    const mark = others.length === 0 ? null : Object.keys(entries).find((name) => entries[name]?.type !== "optional" && others.every((other) => !Object.hasOwn(other, name)));
    if (mark === undefined) throw new Error(`frames of type ${type} can't be told apart: one has no field of its own that is always there`);
    return { name: mark === null ? type : `${type}_by_${mark}`, type, mark, shape: recordOf(entries, type) };
  });
}

function entriesOf(schema: Schema): Record<string, Schema> {
  if (schema.entries === undefined) throw new Error(`a frame's schema is no object: ${schema.type}`);
  return schema.entries;
}

function recordOf(entries: Record<string, Schema>, path: string): RecordShape {
  return { kind: "record", box: false, fields: Object.entries(entries).map(([name, schema]) => fieldOf(name, schema, `${path}.${name}`)) };
}

function fieldOf(name: string, schema: Schema, path: string): Field {
  const { inner, optional, nullable } = unwrapped(schema);
  const shape = shapeOf(inner, path);
  if (optional && nullable) return { name, absent: "undefined", shape: boxed({ name: "value", absent: "null", shape: explicit(shape) }) };
  if (optional || nullable) return { name, absent: optional ? "undefined" : "null", shape: explicit(shape) };
  return { name, absent: "zero", shape };
}

/** Lists and maps can't tell empty from absent. */
function explicit(shape: Shape): Shape {
  return shape.kind === "list" || shape.kind === "map" ? boxed({ name: "items", absent: "zero", shape }) : shape;
}

function boxed(field: Field): RecordShape {
  return { kind: "record", box: true, fields: [field] };
}

/** Of a list or map: another list or null needs a box. */
function itemOf(schema: Schema, path: string): Shape {
  const { inner, optional, nullable } = unwrapped(schema);
  if (optional) throw new Error(`${path}: an item can't be absent`);
  const shape = shapeOf(inner, path);
  return nullable ? boxed({ name: "value", absent: "null", shape: explicit(shape) }) : explicit(shape);
}

function unwrapped(schema: Schema): { inner: Schema; optional: boolean; nullable: boolean } {
  if (schema.wrapped === undefined) return { inner: schema, optional: false, nullable: false };
  const { inner, optional, nullable } = unwrapped(schema.wrapped);
  const both = schema.type === "nullish";
  return { inner, optional: optional || both || schema.type === "optional" || schema.type === "exact_optional", nullable: nullable || both || schema.type === "nullable" };
}

function shapeOf(schema: Schema, path: string): Shape {
  switch (schema.type) {
    case "string":
    case "picklist":
      return { kind: "string" };
    case "number":
      return { kind: "uint64" };
    case "boolean":
      return { kind: "bool" };
    case "literal":
      return { kind: typeof schema.literal === "string" ? "string" : typeof schema.literal === "number" ? "uint64" : "bool" };
    case "unknown":
      return { kind: "json" };
    case "object":
    case "strict_object":
      return recordOf(schema.entries ?? {}, path);
    case "array":
      return { kind: "list", item: itemOf(schema.item as Schema, `${path}[]`) };
    case "record": {
      const value = schema.value as Schema;
      return value.type === "unknown" ? { kind: "json" } : { kind: "map", value: itemOf(value, `${path}{}`) };
    }
    default:
      throw new Error(`${path}: protobuf has no shape for a schema of type ${schema.type}; teach protocol/protobuf/shape.ts one`);
  }
}
