"""`python -m pytest_modelroute.registry` prints the registry's JSON Schema, for editors."""

import json

from .checking import registry_schema

print(json.dumps(registry_schema(), indent=2))
