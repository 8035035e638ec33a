/** Shares of an endpoint's calls, in whole per cent, that always sum to 100. */

const WHOLE = 100;

export type Weights = Record<string, number>;

/** Shares while somebody moves them one at a time. */
export interface IShares {
  weights: Weights;
  /** The one that moves, and all shares when its move began. */
  moving?: { version: string; begun: Weights };
}

/** Shares in proportion to weights that may not sum to 100. */
export function sharesOf(weights: Weights): IShares {
  const versions = Object.keys(weights);
  const shares = apportion(
    WHOLE,
    versions.map(version => Math.max(0, weights[version]))
  );
  return { weights: zip(versions, shares) };
}

/**
 * Give a version its new share, within 0 to 100, and the others what is left. The others keep the
 * proportions that they had when the move began, so pulling a slider to its end and back changes
 * nothing.
 */
export function move(shares: IShares, version: string, to: number): IShares {
  const moving =
    shares.moving?.version === version
      ? shares.moving
      : { version, begun: shares.weights };
  const others = Object.keys(moving.begun).filter(other => other !== version);
  const share = others.length ? Math.min(Math.max(0, to), WHOLE) : WHOLE;
  const left = apportion(
    WHOLE - share,
    others.map(other => moving.begun[other])
  );
  return { weights: { ...zip(others, left), [version]: share }, moving };
}

/**
 * Divide `total` into whole numbers in proportion to `parts`, evenly when all are zero. What
 * rounding leaves goes to the largest fractions, the first of equals.
 */
export function apportion(total: number, parts: number[]): number[] {
  const weights = parts.some(part => part > 0) ? parts : parts.map(() => 1);
  const whole = weights.reduce((sum, part) => sum + part, 0);
  const shares = weights.map(part => Math.floor((total * part) / whole));
  const left = total - shares.reduce((sum, share) => sum + share, 0);
  weights
    .map((part, at) => ({ at, fraction: (total * part) % whole }))
    .sort((one, two) => two.fraction - one.fraction)
    .slice(0, left)
    .forEach(({ at }) => shares[at]++);
  return shares;
}

function zip(versions: string[], shares: number[]): Weights {
  return Object.fromEntries(
    versions.map((version, at) => [version, shares[at]])
  );
}
