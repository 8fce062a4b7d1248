"""`python -m brainlib.anomaly` scores every head of a folder (see `brainlib.anomaly.command`)."""

import sys

from brainlib.anomaly.command import main

sys.exit(main())
