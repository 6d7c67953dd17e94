// Protobuf on the wire, `chat.v1.pb`: a binary message holds the same frames as a text message of `chat.v1.json`. Records are
// written and read as they are, by the shapes of their schemas and the numbers of chat.proto, so there is one truth and no
// second set of names. Two encoded messages joined are one message with the frames of both.
import type { DescMessage } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { decodeFrame, type DecodedFrame, errorFrame } from "./codec-json.ts";
import type { ErrorCode } from "./errors.ts";
import type { DownFrame } from "./frames/down.ts";
import { DownFrameSchema, UpFrameSchema } from "./generated/chat_pb.ts";
import { FRAME_BYTES, FRAMES_PER_ARRAY } from "./limits.ts";
import { fieldOf, type Layout, layoutOf, type Plain } from "./protobuf/layout.ts";
import { endOf, readRecord } from "./protobuf/read.ts";
import { downShapes, type FrameShape, upShapes } from "./protobuf/shape.ts";
import { writeRecord } from "./protobuf/write.ts";
import { DELIMITED, Writer } from "./protobuf/writer.ts";

interface FrameLayout {
  type: string;
  number: number;
  mark: string | null;
  layout: Layout;
}

/** The frames of one direction, by type and by their number in the oneof. */
class Frames {
  private readonly byType: Map<string, FrameLayout[]>;
  private readonly byNumber: Map<number, FrameLayout>;

  constructor(shapes: FrameShape[], oneof: DescMessage) {
    const frames = shapes.map(({ name, type, mark, shape }): FrameLayout => {
      const field = fieldOf(oneof, name);
      return { type, mark, number: field.number, layout: layoutOf(shape, field.message as DescMessage) };
    });
    this.byType = Map.groupBy(frames, ({ type }) => type);
    this.byNumber = new Map(frames.map((frame) => [frame.number, frame]));
  }

  write(frames: readonly object[]): Uint8Array {
    const writer = new Writer();
    for (const frame of frames as Plain[]) {
      const found = this.byType.get(frame["type"] as string)?.find(({ mark }) => mark === null || Object.hasOwn(frame, mark));
      if (found === undefined) throw new Error(`no frame of type ${String(frame["type"])} in chat.proto`);
      writer.tag(1, DELIMITED).fork().tag(found.number, DELIMITED).fork();
      writeRecord(writer, found.layout, frame);
      writer.join().join();
    }
    return writer.finish();
  }

  /** The bytes of each frame. Throws on what is no protobuf. */
  split(bytes: Uint8Array): Uint8Array[] {
    const reader = new BinaryReader(bytes);
    const frames: Uint8Array[] = [];
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      if (number === 1 && wire === WireType.LengthDelimited) frames.push(reader.bytes());
      else reader.skip(wire, number);
    }
    return frames;
  }

  /** null: a frame that is not known here; throws on what is no protobuf. */
  read(bytes: Uint8Array): Plain | null {
    const reader = new BinaryReader(bytes);
    let frame: Plain | null = {};
    while (reader.pos < reader.len) {
      const [number, wire] = reader.tag();
      const found = this.byNumber.get(number);
      if (found === undefined || wire !== WireType.LengthDelimited) {
        reader.skip(wire, number);
        frame = null;
      } else {
        // Of a oneof the last one counts; the same one again goes on with what is there.
        const same = frame !== null && frame["type"] === found.type;
        frame = readRecord(reader, found.layout, endOf(reader, reader.len), same ? (frame as Plain) : { type: found.type }) as Plain;
      }
    }
    return frame;
  }
}

let up: Frames | undefined;
let down: Frames | undefined;
const upFrames = (): Frames => (up ??= new Frames(upShapes(), UpFrameSchema));
const downFrames = (): Frames => (down ??= new Frames(downShapes(), DownFrameSchema));

/** The frames of one binary message of a client. Never throws; every frame stands for itself. */
export function decodeBinaryFrames(bytes: Uint8Array): DecodedFrame[] {
  if (bytes.byteLength > FRAME_BYTES) return [refused("frame_too_large")];
  let parts: Uint8Array[];
  try {
    parts = upFrames().split(bytes);
  } catch {
    return [refused("bad_frame", "not protobuf")];
  }
  if (parts.length === 0) return [refused("bad_frame", "a message without a frame")];
  if (parts.length > FRAMES_PER_ARRAY) return [refused("bad_frame", `more than ${FRAMES_PER_ARRAY} frames`)];
  return parts.map((part) => {
    let frame: Plain | null;
    try {
      frame = upFrames().read(part);
    } catch {
      return refused("bad_frame", "not protobuf");
    }
    return frame === null ? refused("unknown_type") : decodeFrame(frame);
  });
}

/** One binary message for all the frames. Throws where a number is negative, has a fraction or is above 2⁵³ - 1. */
export function encodeBinaryFrames(frames: readonly object[]): Uint8Array {
  return downFrames().write(frames);
}

/** @param json a frame, or an array of frames */
export function transcode(json: string): Uint8Array {
  const parsed = JSON.parse(json) as object | object[];
  return encodeBinaryFrames(Array.isArray(parsed) ? parsed : [parsed]);
}

/** For clients: what encodeBinaryFrames is for servers. */
export function encodeBinaryUp(frames: readonly object[]): Uint8Array {
  return upFrames().write(frames);
}

/** For clients: the frames that are known here. Throws on what is no protobuf. */
export function decodeBinaryDown(bytes: Uint8Array): DownFrame[] {
  return downFrames().split(bytes).map((part) => downFrames().read(part)).filter((frame) => frame !== null) as DownFrame[];
}

function refused(code: ErrorCode, message?: string): DecodedFrame {
  return { ok: false, error: errorFrame(code, message === undefined ? {} : { message }) };
}
