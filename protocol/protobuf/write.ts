// Records to protobuf. What is the zero of its kind is not written, as proto3 has it.
import { isPacked, type Layout, type Plain, type Value } from "./layout.ts";
import { DELIMITED, VARINT, type Writer } from "./writer.ts";

export function writeRecord(writer: Writer, layout: Layout, record: Plain): void {
  for (const field of layout.fields) {
    const value = record[field.name];
    if (value === undefined || value === null) continue;
    if (field.absent === "zero" && (value === "" || value === 0 || value === false) && field.value.kind !== "json") continue;
    writeField(writer, field.number, field.value, value);
  }
}

function writeField(writer: Writer, number: number, shape: Value, value: unknown): void {
  switch (shape.kind) {
    case "string":
      writer.tag(number, DELIMITED).string(value as string);
      break;
    case "json":
      writer.tag(number, DELIMITED).string(JSON.stringify(value));
      break;
    case "uint64":
      writer.tag(number, VARINT).varint(value as number);
      break;
    case "bool":
      writer.tag(number, VARINT).bool(value as boolean);
      break;
    case "record":
      writer.tag(number, DELIMITED).fork();
      writeRecord(writer, shape.layout, shape.layout.box === null ? (value as Plain) : { [shape.layout.box.name]: value });
      writer.join();
      break;
    case "list":
      writeList(writer, number, shape.item, value as readonly unknown[]);
      break;
    case "map":
      for (const [key, item] of Object.entries(value as Plain)) {
        writer.tag(number, DELIMITED).fork().tag(1, DELIMITED).string(key);
        writeField(writer, 2, shape.item, item);
        writer.join();
      }
  }
}

function writeList(writer: Writer, number: number, item: Value, list: readonly unknown[]): void {
  if (!isPacked(item)) {
    for (const value of list) writeField(writer, number, item, value);
    return;
  }
  if (list.length === 0) return;
  writer.tag(number, DELIMITED).fork();
  for (const value of list) {
    if (item.kind === "bool") writer.bool(value as boolean);
    else writer.varint(value as number);
  }
  writer.join();
}
