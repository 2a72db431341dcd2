"""Seeded randomness: every random number comes from a generator whose seed says what it is for."""

import hashlib

import torch


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator whose seed is made of anything printable: equal parts, equal numbers."""
    return torch.Generator(device).manual_seed(number(*parts))


def number(*parts: object) -> int:
    """Return the seed that is made of anything printable, 63 bits."""
    digest = hashlib.sha256(repr(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
