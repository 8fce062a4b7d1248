"""`python -m brainlib.run` is ./run_all.sh, once the environment is there."""

import sys

from brainlib.run import batch

sys.exit(batch.main(sys.argv[1:]))
