"""Gate changes of a task-to-model registry with recorded answers: `pytest --modelroute`."""

__all__ = ["__version__"]

__version__ = "0.1.0"
