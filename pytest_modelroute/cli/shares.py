"""Shares as options of commands give them."""

from __future__ import annotations

from ..errors import InputError

__all__ = ["share_below_one"]


def share_below_one(text: str, option: str) -> float:
    """The number that an option names. Raises InputError for what is no share from 0 to below 1."""
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 <= share < 1:
        raise InputError(f"{option}: '{text}' is no share", valid="from 0 to below 1; 8 % is 0.08")
    return share
