"""Shares of an endpoint's calls, in whole per cent, that always sum to 100."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

WHOLE = 100


class Shares:
    """The shares of versions while somebody moves them one at a time.

    When one moves, the others keep their proportions to each other: those that they had when the
    move began, so that pulling a slider to its end and back changes nothing.
    """

    def __init__(self, weights: Mapping[int, int]) -> None:
        versions = sorted(weights)
        shares = apportion(WHOLE, [max(0, weights[version]) for version in versions])
        self.weights = dict(zip(versions, shares, strict=True))
        self._begun = dict(self.weights)
        self._moving: int | None = None

    def move(self, version: int, share: int) -> dict[int, int]:
        """Give `version` its new share, within 0 to 100, and the others what is left."""
        if version != self._moving:
            self._moving, self._begun = version, dict(self.weights)
        others = [other for other in self.weights if other != version]
        share = min(max(0, share), WHOLE) if others else WHOLE
        left = apportion(WHOLE - share, [self._begun[other] for other in others])
        self.weights = {**self.weights, version: share, **dict(zip(others, left, strict=True))}
        return dict(self.weights)


def apportion(total: int, parts: Sequence[int]) -> list[int]:
    """Divide `total` into whole numbers in proportion to `parts`, evenly when all are zero.

    What rounding leaves goes to the largest fractions, the first of equals.
    """
    if not parts:
        return []
    if not any(parts):
        parts = [1] * len(parts)
    whole = sum(parts)
    shares = [total * part // whole for part in parts]
    fractions = sorted(range(len(parts)), key=lambda at: -(total * parts[at] % whole))
    for at in fractions[: total - sum(shares)]:
        shares[at] += 1
    return shares
