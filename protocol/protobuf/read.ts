// Protobuf to records. Throws on what is no protobuf; fields that are not known here are skipped.
import { type BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { isPacked, type Layout, type Numbered, type Plain, type Value, wireOf } from "./layout.ts";

export function readRecord(reader: BinaryReader, layout: Layout, end: number, record: Plain): unknown {
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = layout.byNumber.get(number);
    if (field === undefined || !readField(reader, wire, end, field, record)) reader.skip(wire, number);
  }
  if (reader.pos !== end) throw new Error("a field reaches beyond its record");
  for (const { name, absent, value } of layout.fields) if (record[name] === undefined && absent !== "undefined") record[name] = absent === "null" ? null : zeroOf(value);
  return layout.box === null ? record : record[layout.box.name];
}

/** False: not of the field's wire type, so it is none that is known here. */
function readField(reader: BinaryReader, wire: WireType, end: number, { name, value }: Numbered, record: Plain): boolean {
  if (value.kind === "list") {
    const list = (record[name] ??= []) as unknown[];
    if (isPacked(value.item) && wire === WireType.LengthDelimited) {
      const last = endOf(reader, end);
      while (reader.pos < last) list.push(readValue(reader, value.item, last));
      return true;
    }
    if (wire !== wireOf(value.item)) return false;
    list.push(readValue(reader, value.item, end));
    return true;
  }
  if (wire !== wireOf(value)) return false;
  if (value.kind === "map") readEntry(reader, value.item, endOf(reader, end), (record[name] ??= {}) as Plain);
  else record[name] = readValue(reader, value, end, record[name]);
  return true;
}

function readEntry(reader: BinaryReader, item: Value, end: number, map: Plain): void {
  let key = "";
  let value = zeroOf(item);
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    if (number === 1 && wire === WireType.LengthDelimited) key = reader.string(true);
    else if (number === 2 && wire === wireOf(item)) value = readValue(reader, item, end);
    else reader.skip(wire, number);
  }
  if (reader.pos !== end) throw new Error("a field reaches beyond its entry");
  // Assigned, the key "__proto__" would be none.
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });
}

/** @param before the record that the same field has given already: this one goes on with it */
function readValue(reader: BinaryReader, value: Value, end: number, before?: unknown): unknown {
  switch (value.kind) {
    case "string":
      return reader.string(true);
    case "json":
      return JSON.parse(reader.string(true)) as unknown;
    case "uint64":
      return Number(reader.uint64());
    case "bool":
      return reader.bool();
    case "record": {
      const goesOn = value.layout.box === null && typeof before === "object" && before !== null;
      return readRecord(reader, value.layout, endOf(reader, end), goesOn ? (before as Plain) : {});
    }
    default:
      throw new Error(`a ${value.kind} has a box`);
  }
}

export function endOf(reader: BinaryReader, outer: number): number {
  const length = reader.uint32();
  if (reader.pos + length > outer) throw new Error("longer than what it is in");
  return reader.pos + length;
}

function zeroOf(value: Value): unknown {
  switch (value.kind) {
    case "string":
      return "";
    case "uint64":
      return 0;
    case "bool":
      return false;
    case "list":
      return [];
    case "map":
      return {};
    case "record":
      return value.layout.box === null ? undefined : zeroOf(value.layout.box.value);
    default:
      return undefined;
  }
}
