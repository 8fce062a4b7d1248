"""`python -m brainlib.run` is ./run_all.sh, once the environment is there."""

import sys
from collections.abc import Sequence

from brainlib.run import batch, command
from brainlib.run.refused import Refused


def main(words: Sequence[str]) -> int:
    """Runs ./run_all.sh with these words.

    Returns:
        The exit code: 0 done, 1 failed, 2 bad arguments, 130 interrupted.
    """
    try:
        options = command.read(words)
        if options.sweep:
            from brainlib.run import (
                sweep_run,
            )  # and pandas, half a second that others need not wait

            return sweep_run.run(options, words)
        if options.list:
            print("\n".join(command.listing(options)))
            return 0
        request = command.check(options)
    except Refused as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return 2
    return batch.guarded(
        lambda stop: batch.run_locked(request, words, stop),
        interrupted="Interrupted before anything was started.",
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
