"""Gate changes of a task-to-model registry with recorded answers, and route by it: `pytest --modelroute`, `Router`."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .routing.answers import Route, RoutedAnswer
    from .routing.errors import (
        CallFailed,
        OwnCallTask,
        RequestNotBuilt,
        RoutingError,
        TierUnavailable,
        UnusableAnswer,
    )
    from .routing.router import Router

__all__ = [
    "CallFailed",
    "OwnCallTask",
    "RequestNotBuilt",
    "Route",
    "RoutedAnswer",
    "Router",
    "RoutingError",
    "TierUnavailable",
    "UnusableAnswer",
    "__version__",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    # Every pytest run of every user loads this package for its plugin: the router is loaded where it is asked for.
    if name not in __all__:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    rooms = {"Router": "router", "Route": "answers", "RoutedAnswer": "answers"}
    return getattr(importlib.import_module(f".routing.{rooms.get(name, 'errors')}", __name__), name)
