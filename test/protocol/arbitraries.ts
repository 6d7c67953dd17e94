// Values of a valibot schema, for fast-check: derived, so that a new field is tried from its first day on.
import fc from "fast-check";
import * as v from "valibot";

interface Schema {
  type: string;
  entries?: Record<string, Schema>;
  wrapped?: Schema;
  item?: Schema;
  items?: readonly Schema[];
  key?: Schema;
  value?: Schema;
  options?: readonly unknown[];
  literal?: unknown;
  pipe?: readonly { kind: string; type: string; requirement?: unknown }[];
}

const text = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => value.isWellFormed());
/** Above 32 and 53 bits, too, numbers have borders. */
const whole = fc.oneof(fc.nat(), fc.nat(300), fc.constantFrom(0, 127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const id = fc.uuid({ version: 7 });
const conversationId = fc.stringMatching(/^(?:d\.[0-9a-f]{64}|g\.(?:eu\.)?[0-9a-f]{32})$/);

/** What JSON gives back: neither undefined in it nor a key that sets a prototype. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown);

export function valuesOf(schema: unknown): fc.Arbitrary<unknown> {
  const valid = (value: unknown): boolean => v.is(schema as v.GenericSchema, value);
  const values = unchecked(schema as Schema);
  return (schema as Schema).pipe === undefined ? values : values.filter(valid);
}

function unchecked(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "string":
      return strings(schema);
    case "number":
      return whole;
    case "boolean":
      return fc.boolean();
    case "literal":
      return fc.constant(schema.literal);
    case "picklist":
      return fc.constantFrom(...(schema.options as unknown[]));
    case "unknown":
      return json;
    // What it wants can't be seen; the pipe's own check picks what passes.
    case "custom":
      return fc.dictionary(fc.string({ maxLength: 10 }), json, { maxKeys: 4, noNullPrototype: true });
    case "array":
      return fc.array(valuesOf(schema.item), { maxLength: 5 });
    case "tuple":
      return fc.tuple(...(schema.items ?? []).map(valuesOf));
    case "record":
      return fc.dictionary(valuesOf(schema.key) as fc.Arbitrary<string>, valuesOf(schema.value), { maxKeys: 5, noNullPrototype: true });
    case "optional":
    case "exact_optional":
      return valuesOf(schema.wrapped);
    case "nullable":
      return fc.option(valuesOf(schema.wrapped), { nil: null });
    case "nullish":
      return fc.option(valuesOf(schema.wrapped), { nil: null });
    case "object":
    case "strict_object":
      return objects(schema.entries ?? {});
    case "union":
    case "variant":
      return fc.oneof(...(schema.options as unknown[]).map(valuesOf));
    default:
      throw new Error(`no values of a schema of type ${schema.type} are known here`);
  }
}

function objects(entries: Record<string, Schema>): fc.Arbitrary<unknown> {
  const required = Object.keys(entries).filter((name) => !["optional", "exact_optional", "nullish"].includes(entries[name]?.type ?? ""));
  const fields = Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, valuesOf(entry)]));
  return fc.record(fields, { requiredKeys: required, noNullPrototype: true });
}

function strings(schema: Schema): fc.Arbitrary<string> {
  const pattern = schema.pipe?.find((step) => step.type === "regex")?.requirement;
  if (pattern instanceof RegExp) return pattern.source.includes("-7[0-9a-f]{3}-") ? id : fc.stringMatching(pattern);
  // Whatever a `check` wants can't be seen; conversation ids are the one that no random text passes.
  const wanted = v.safeParse(schema as unknown as v.GenericSchema, `d.${"0".repeat(64)}`).success && !v.is(schema as unknown as v.GenericSchema, "x");
  return wanted ? conversationId : text;
}
