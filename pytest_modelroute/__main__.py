"""`python -m pytest_modelroute` is the command `modelroute`."""

import sys

from .cli.main import main

sys.exit(main())
