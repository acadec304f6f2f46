"""A scrambled Halton sequence: points that fill a cube evenly, however many there are."""

import itertools
import random
from collections.abc import Iterator

# Digits of a point: 53 bits in base 2, as many as a float has.
_BITS = 53


def primes() -> Iterator[int]:
    """2, 3, 5, 7, ..."""
    found: list[int] = []
    for number in itertools.count(2):
        if all(number % prime for prime in found):
            found.append(number)
            yield number


class Halton:
    """A sequence of points in [0, 1)^d.

    Coordinate j of point i is sum_k p_k(d_k) b^-(k+1), where d_k are the digits of i in base b,
    the j-th prime, and p_k are random permutations of the digits (Owen, A randomized Halton
    algorithm in R, 2017). Any b^m points in a row that begin at a multiple of b^m have one
    coordinate in each of b^m equal intervals.

    Args:
      dimensions: d.
      seed: of the permutations.
    """

    def __init__(self, dimensions: int, seed: int):
        self._bases = list(itertools.islice(primes(), dimensions))
        self._digits = []
        for number, base in enumerate(self._bases):
            chosen = random.Random(f"{seed} {number}")
            count = 1
            while base**count < 2**_BITS:
                count += 1
            self._digits.append([chosen.sample(range(base), base) for _ in range(count)])

    def point(self, index: int) -> list[float]:
        """The point of a number, from 0."""
        return [
            self._coordinate(index, base, digits)
            for base, digits in zip(self._bases, self._digits, strict=True)
        ]

    @staticmethod
    def _coordinate(index: int, base: int, digits: list[list[int]]) -> float:
        whole = 0
        for permutation in digits:
            index, digit = divmod(index, base)
            whole = whole * base + permutation[digit]
        return min(whole / base ** len(digits), 1 - 2.0**-_BITS)
