"""Random numbers that depend on a seed and a place only, the same on every machine."""

from __future__ import annotations

import hashlib

import numpy as np


def key(*parts: object) -> int:
    """A 64-bit number for some values, by their text."""
    text = "\0".join(map(str, parts)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def hashes(keys: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A hash of each pair, uint64: the finalizer of SplitMix64 over key + place times golden ratio.

    From: Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014.
    """
    golden = np.uint64(0x9E3779B97F4A7C15)
    with np.errstate(over="ignore"):
        z = keys.astype(np.uint64) + (places.astype(np.uint64) + np.uint64(1)) * golden
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
