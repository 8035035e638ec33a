/** When to look for newer records: soon, but never so often that the server does little else. */

/** Milliseconds between two looks, and how many times as long as a look took. */
const SHORTEST_GAP = 250;
const REST = 4;
/** Records become searchable a moment after they are written; so long at most is waited for it. */
const LONGEST_LAG = 5000;

export class Pace {
  constructor(private readonly look: () => void) {}

  /** Look as soon as it is due; more calls until then make no more looks. */
  soon(): void {
    if (this._timer === undefined) {
      const rest = Math.max(SHORTEST_GAP, REST * this._took);
      const due = this._ended + rest - Date.now();
      this.arm(Math.max(0, due));
    }
  }

  /** Look again though nothing new is said; each time later, until `caughtUp`. */
  later(): void {
    if (this._timer === undefined) {
      this._lag = Math.min(2 * this._lag || SHORTEST_GAP, LONGEST_LAG);
      this.arm(this._lag);
    }
  }

  caughtUp(): void {
    this._lag = 0;
  }

  /** A look that began at `started` has ended. */
  ended(started: number): void {
    this._ended = Date.now();
    this._took = this._ended - started;
  }

  stop(): void {
    window.clearTimeout(this._timer);
    this._timer = undefined;
  }

  private arm(delay: number): void {
    this._timer = window.setTimeout(() => {
      this._timer = undefined;
      this.look();
    }, delay);
  }

  private _timer: number | undefined;
  private _ended = 0;
  private _took = 0;
  private _lag = 0;
}
