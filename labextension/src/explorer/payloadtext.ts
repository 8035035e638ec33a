/** Payloads as text that can be looked at: whatever the bytes are, and however many. */

import { plain } from '../react';

/** Bytes of text, or of a binary, that are shown at first and at most. */
export const FIRST_TEXT = 64_000;
export const MOST_TEXT = 512_000;
export const FIRST_HEX = 4000;
export const MOST_HEX = 64_000;

const HEX_ROW = 8;
const INDENT = '  ';
/** Deeper levels are not indented further: a bomb of brackets stays small. */
const DEEPEST = 32;
/** Of so many characters, more than one that no text has makes it a binary. */
const BINARY = 10;

export interface IPreview {
  format: 'json' | 'text' | 'hex';
  text: string;
  /** Bytes of the payload that the text shows. */
  shown: number;
  /** Whether bytes that are not UTF-8 were replaced. */
  replaced: boolean;
}

/** Show the beginning of a payload; `times` as much as at first. */
export async function preview(
  blob: Blob,
  type: string,
  times: number
): Promise<IPreview> {
  const bytes = await head(blob, Math.min(FIRST_TEXT * times, MOST_TEXT));
  const whole = bytes.length === blob.size;
  const { text, replaced } = decode(bytes, whole);
  if (isBinary(text)) {
    const part = bytes.subarray(0, Math.min(FIRST_HEX * times, MOST_HEX));
    return {
      format: 'hex',
      text: hex(part),
      shown: part.length,
      replaced: false
    };
  }
  const json = /\bjson\b/i.test(type) || /^\s*[[{]/.test(text);
  return {
    format: json ? 'json' : 'text',
    text: visible(json ? indented(text) : text),
    shown: bytes.length,
    replaced
  };
}

/** The most bytes of this format that are shown at all. */
export function mostOf(format: IPreview['format']): number {
  return format === 'hex' ? MOST_HEX : MOST_TEXT;
}

async function head(blob: Blob, count: number): Promise<Uint8Array> {
  return new Uint8Array(await blob.slice(0, count).arrayBuffer());
}

function decode(
  bytes: Uint8Array,
  whole: boolean
): { text: string; replaced: boolean } {
  const part = whole ? bytes : bytes.subarray(0, characterEnd(bytes));
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true }).decode(part),
      replaced: false
    };
  } catch {
    return { text: new TextDecoder('utf-8').decode(part), replaced: true };
  }
}

/** Where the last character ends that is wholly there. */
function characterEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if (byte < 0x80) {
      return bytes.length;
    }
    if (byte >= 0xc0) {
      const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
      return back < length ? bytes.length - back : bytes.length;
    }
  }
  return bytes.length;
}

function isBinary(text: string): boolean {
  // eslint-disable-next-line no-control-regex
  const odd = text.match(/[\u0000-\u0008\u000e-\u001a\ufffd]/g)?.length ?? 0;
  return text.includes('\u0000') || odd * BINARY > text.length;
}

/** Offset, eight bytes, and their ASCII, a line. */
export function hex(bytes: Uint8Array): string {
  const lines = [];
  for (let at = 0; at < bytes.length; at += HEX_ROW) {
    const row = [...bytes.subarray(at, at + HEX_ROW)];
    const figures = row.map(byte => byte.toString(16).padStart(2, '0'));
    const ascii = row.map(byte =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
    );
    lines.push(
      [
        at.toString(16).padStart(8, '0'),
        figures.join(' ').padEnd(3 * HEX_ROW - 1),
        ascii.join('')
      ].join('  ')
    );
  }
  return lines.join('\n');
}

/** Lines and tabs stay; other control and direction characters are written out. */
export function visible(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .split(/([\n\t])/)
    .map(part =>
      part === '\n' || part === '\t' ? part : plain(part, Infinity)
    )
    .join('');
}

/**
 * JSON on several lines. Works on its characters, so that numbers keep all their digits, keys that
 * appear twice are seen twice, and a beginning that was cut somewhere is shown too.
 */
export function indented(text: string): string {
  const tokens =
    text.match(/"[^"\\]*(?:\\[\s\S][^"\\]*)*"?|[{}[\],:]|[^\s"{}[\],:]+/g) ??
    [];
  const flat = flatLists(tokens);
  const lines: string[] = [];
  let depth = 0;
  let line = '';
  const turn = () => {
    lines.push(line);
    line = INDENT.repeat(Math.min(depth, DEEPEST));
  };
  tokens.forEach((token, at) => {
    if (flat[at]) {
      line += token === ',' ? ', ' : token;
    } else if (token === '{' || token === '[') {
      depth++;
      line += token;
      if (!closes(tokens[at + 1])) {
        turn();
      }
    } else if (closes(token)) {
      depth = Math.max(0, depth - 1);
      if (!opens(tokens[at - 1])) {
        turn();
      }
      line += token;
    } else {
      line += token === ':' ? ': ' : token;
      if (token === ',') {
        turn();
      }
    }
  });
  return [...lines, line].join('\n');
}

/** Which tokens belong to lists of nothing but scalars: these stay on one line. */
function flatLists(tokens: string[]): boolean[] {
  const flat = new Array<boolean>(tokens.length).fill(false);
  let open = -1;
  tokens.forEach((token, at) => {
    if (token === '[') {
      open = at;
    } else if (token === '{' || token === '}') {
      open = -1;
    } else if (token === ']' && open >= 0) {
      flat.fill(true, open, at + 1);
      open = -1;
    }
  });
  return flat;
}

function opens(token: string | undefined): boolean {
  return token === '{' || token === '[';
}

function closes(token: string | undefined): boolean {
  return token === '}' || token === ']';
}
