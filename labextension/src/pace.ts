/** When to ask the server again: soon, but never so often that it does little else. */

/** Milliseconds that the server has between two looks, at least and at most. */
const SHORTEST_REST = 250;
const LONGEST_REST = 5000;
/** What happens is seen within so long, unless the server itself is slower. */
const TIMELY = 2000;
/** Records become searchable a moment after they are written; so long at most is waited for it. */
const LONGEST_LAG = 5000;

/**
 * Milliseconds to leave a server alone that took so long to answer: four times as long while that
 * is timely, as long when it is not.
 */
export function restAfter(took: number): number {
  // what happens just after a look began waits for its end, the rest and the look after it
  const timely = Math.min(4 * took, TIMELY - 2 * took);
  return Math.min(Math.max(SHORTEST_REST, timely, took), LONGEST_REST);
}

/** Calls `look` at its time; whoever looks says when it begins and ends. */
export class Pace {
  /** `gather`: milliseconds from a word to its look, in which more words may come. */
  constructor(
    private readonly look: () => void,
    private readonly gather = 0
  ) {}

  get looking(): boolean {
    return this._began !== undefined;
  }

  /** Look as soon as it is due; more calls until then make no more looks. */
  soon(): void {
    if (this.looking) {
      // the look under way may not see it any more
      this._again = true;
    } else {
      this.arm(this.gather);
    }
  }

  /** Look again though nothing new is said; each time later, until `caughtUp`. */
  later(): void {
    this._lag = Math.min(2 * this._lag || SHORTEST_REST, LONGEST_LAG);
    if (this.looking) {
      this._lagging = true;
    } else {
      this.arm(this._lag);
    }
  }

  caughtUp(): void {
    this._lag = 0;
  }

  began(): void {
    this.stop();
    this._began = Date.now();
  }

  ended(): void {
    this._ended = Date.now();
    this._took = this._ended - (this._began ?? this._ended);
    this._began = undefined;
    const [again, lagging] = [this._again, this._lagging];
    this._again = this._lagging = false;
    if (lagging) {
      this.arm(this._lag);
    } else if (again) {
      this.soon();
    }
  }

  stop(): void {
    window.clearTimeout(this._timer);
    this._timer = undefined;
    this._again = this._lagging = false;
  }

  private arm(delay: number): void {
    if (this._timer !== undefined) {
      return;
    }
    const rest = this._ended + restAfter(this._took) - Date.now();
    this._timer = window.setTimeout(
      () => {
        this._timer = undefined;
        this.look();
      },
      Math.max(delay, rest, 0)
    );
  }

  private _timer: number | undefined;
  private _began: number | undefined;
  private _ended = 0;
  private _took = 0;
  private _lag = 0;
  private _again = false;
  private _lagging = false;
}
