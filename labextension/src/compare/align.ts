/** What of one list is in another: the longest common part, and what is left on either side. */

export interface IPair<T> {
  left?: T;
  right?: T;
}

/** Beyond so many comparisons the rest is taken as wholly different. */
const MOST = 4_000_000;

/** Both lists in one: equal ones side by side, others alone, the left before the right. */
export function align<T>(
  left: T[],
  right: T[],
  key: (one: T) => string = String
): IPair<T>[] {
  const a = left.map(key);
  const b = right.map(key);
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) {
    head++;
  }
  let tail = 0;
  while (
    tail < Math.min(a.length, b.length) - head &&
    a[a.length - 1 - tail] === b[b.length - 1 - tail]
  ) {
    tail++;
  }
  const pairs: IPair<T>[] = [];
  for (let at = 0; at < head; at++) {
    pairs.push({ left: left[at], right: right[at] });
  }
  const middle = common(
    a.slice(head, a.length - tail),
    b.slice(head, b.length - tail)
  );
  for (const [i, j] of middle) {
    pairs.push({
      ...(i !== null && { left: left[head + i] }),
      ...(j !== null && { right: right[head + j] })
    });
  }
  for (let back = tail; back > 0; back--) {
    pairs.push({
      left: left[left.length - back],
      right: right[right.length - back]
    });
  }
  return pairs;
}

/** Positions in both, by the table of the longest common subsequence. */
function common(a: string[], b: string[]): [number | null, number | null][] {
  const found: [number | null, number | null][] = [];
  let i = 0;
  let j = 0;
  if (a.length * b.length <= MOST) {
    const width = b.length + 1;
    const table = new Uint32Array((a.length + 1) * width);
    for (let x = a.length - 1; x >= 0; x--) {
      for (let y = b.length - 1; y >= 0; y--) {
        table[x * width + y] =
          a[x] === b[y]
            ? table[(x + 1) * width + y + 1] + 1
            : Math.max(table[(x + 1) * width + y], table[x * width + y + 1]);
      }
    }
    while (i < a.length && j < b.length) {
      if (a[i] === b[j]) {
        found.push([i++, j++]);
      } else if (table[(i + 1) * width + j] >= table[i * width + j + 1]) {
        found.push([i++, null]);
      } else {
        found.push([null, j++]);
      }
    }
  }
  while (i < a.length) {
    found.push([i++, null]);
  }
  while (j < b.length) {
    found.push([null, j++]);
  }
  return found;
}

/**
 * The same with what stands alone on both sides at one place put side by side, as what was changed.
 */
export function sideBySide<T>(pairs: IPair<T>[]): IPair<T>[] {
  const rows: IPair<T>[] = [];
  let lefts: IPair<T>[] = [];
  let rights: IPair<T>[] = [];
  const flush = (): void => {
    for (let at = 0; at < Math.max(lefts.length, rights.length); at++) {
      rows.push({ ...lefts[at], ...rights[at] });
    }
    lefts = [];
    rights = [];
  };
  for (const pair of pairs) {
    if ('left' in pair && 'right' in pair) {
      flush();
      rows.push(pair);
    } else {
      ('left' in pair ? lefts : rights).push(pair);
    }
  }
  flush();
  return rows;
}
