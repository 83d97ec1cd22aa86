"""The registry's tiers: names, addresses and prices, checked against each other."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..errors import InputError
from .document import Document
from .model import Price, Tier

__all__ = ["price_warnings", "read_tiers"]

APPENDED = ("/v1/messages", "/v1")  # with either in the address, each call would go to /v1/.../v1/messages


def read_tiers(document: Document) -> tuple[Tier, ...]:
    """The tiers of a registry whose shape is checked, cheapest first. Raises InputError."""
    tiers = tuple(_tier(document, index, raw) for index, raw in enumerate(document.value["tiers"]))
    for index, tier in enumerate(tiers):
        for other in tiers[:index]:
            if other.name == tier.name:
                place = document.place("tiers", index, "name")
                what = f"two tiers are called '{tier.name}'"
                raise InputError(what, place=place, valid="a name of its own for each tier")
            if (other.provider, other.model) == (tier.provider, tier.model) and other.endpoint != tier.endpoint:
                what = f"'{other.name}' and '{tier.name}' serve one model from two addresses"
                valid = "one address for each model: recordings are kept by model"
                raise InputError(what, place=document.place("tiers", index), valid=valid)
    return tiers


def price_warnings(tiers: tuple[Tier, ...], document: Document) -> tuple[str, ...]:
    """Prices that contradict the order: cheapest first is what defines a downgrade."""
    warnings = []
    for side in ("input", "output"):
        priced = [(index, tier, getattr(tier.price, side, None)) for index, tier in enumerate(tiers)]
        known = [(index, tier, price) for index, tier, price in priced if price is not None]
        for (_, cheap, below), (index, dear, above) in itertools.pairwise(known):
            if below > above:
                warnings.append(
                    f"{document.place('tiers', index)}: tiers stand cheapest first, but '{dear.name}' costs"
                    f" {above:g} USD per million {side} tokens and '{cheap.name}' before it {below:g}"
                )
    return tuple(warnings)


def _tier(document: Document, index: int, raw: Mapping[str, Any]) -> Tier:
    price = raw.get("price")
    base_url = raw.get("base_url")
    if base_url is not None and not _has_host(base_url):
        raise InputError(
            f"tiers.{index}.base_url: '{base_url}' is not an address",
            place=document.place("tiers", index, "base_url"),
            valid="http://HOST:PORT or https://HOST",
        )
    appended = None if base_url is None else next(filter(_path(base_url).endswith, APPENDED), None)
    if base_url is not None and appended is not None:
        raise InputError(
            f"tiers.{index}.base_url: '{base_url}' ends in {appended}, which the SDK appends itself",
            place=document.place("tiers", index, "base_url"),
            valid="the address without it",
            fix=f"base_url: {base_url.rstrip('/').removesuffix(appended)}",
        )
    if base_url is not None and not _is_loopback(base_url) and "api_key_env" not in raw:
        raise InputError(
            f"tiers.{index}: {base_url} is not on this machine, and no key is named for it",
            place=document.place("tiers", index, "base_url"),
            valid="`api_key_env: NAME` beside it: a key never goes to another host by default",
        )
    return Tier(
        name=raw["name"],
        model=raw["model"],
        provider=raw.get("provider", "anthropic"),
        price=_price(price) if price else None,
        base_url=base_url,
        api_key_env=raw.get("api_key_env"),
        concurrency=raw.get("concurrency"),
        request=raw.get("request", {}),
        places={key: document.place("tiers", index, key) for key in ("model", "base_url")},
    )


def _price(raw: Mapping[str, Any]) -> Price:
    return Price(**{each.name: raw.get(each.name) for each in dataclasses.fields(Price)})


def _path(url: str) -> str:
    return urlsplit(url).path.rstrip("/")


def _has_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # of brackets or ports that are none
        return False


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
