/** A notebook document as text, whatever a run's output file holds. */

import { printed } from '../runs/printed';

export interface ICodeCell {
  /** Its place in the notebook, among cells of all kinds. */
  index: number;
  source: string;
  outputs: string;
}

/** Characters of a cell's outputs that are compared. */
const MOST = 50_000;

/** Its code cells; none where it is no notebook. */
export function codeCells(document: unknown): ICodeCell[] {
  const cells = (document as { cells?: unknown } | null)?.cells;
  if (!Array.isArray(cells)) {
    return [];
  }
  return cells
    .map((cell, index) => ({ cell, index }))
    .filter(({ cell }) => cell?.cell_type === 'code')
    .map(({ cell, index }) => ({
      index,
      source: textOf(cell.source),
      outputs: printed(
        (Array.isArray(cell.outputs) ? cell.outputs : [])
          .map(outputText)
          .filter((text: string) => text !== '')
          .join('\n')
          .slice(0, MOST)
      )
    }));
}

function outputText(output: unknown): string {
  const one = (output ?? {}) as Record<string, unknown>;
  switch (one.output_type) {
    case 'stream':
      return textOf(one.text).replace(/\n$/, '');
    case 'error':
      return `${String(one.ename)}: ${String(one.evalue)}`;
    default:
      return dataText((one.data ?? {}) as Record<string, unknown>);
  }
}

/** Text as it is; of anything else what it is and how much, so that another one is seen. */
function dataText(data: Record<string, unknown>): string {
  return (
    Object.entries(data)
      .filter(([type]) => type !== 'text/html' || !('text/plain' in data))
      // what is said by it is a fact of the run, and in the text beside it
      .filter(([type]) => !type.startsWith('application/vnd.mlops-jupyter.'))
      .map(([type, value]) =>
        type.startsWith('text/')
          ? textOf(value)
          : `[${type}, ${sizeOf(value)} bytes, ${hashOf(value)}]`
      )
      .join('\n')
  );
}

function textOf(value: unknown): string {
  return Array.isArray(value) ? value.join('') : String(value ?? '');
}

function asText(value: unknown): string {
  return typeof value === 'string' || Array.isArray(value)
    ? textOf(value)
    : JSON.stringify(value);
}

function sizeOf(value: unknown): number {
  return asText(value).length;
}

/** FNV-1a: tells two contents apart for the eye, and is no proof of anything. */
function hashOf(value: unknown): string {
  let hash = 0x811c9dc5;
  const text = asText(value);
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  }
  return hash.toString(16).padStart(8, '0');
}
