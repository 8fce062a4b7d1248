"""`python -m brainlib.run` is ./run_all.sh, once the environment is there."""

import signal
import sys
from collections.abc import Sequence

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # while modules are imported: no traceback

from brainlib.run import batch, command
from brainlib.run.refused import Refused


def main(words: Sequence[str]) -> int:
    """Runs ./run_all.sh with these words.

    Returns:
        The exit code: 0 done, 1 failed, 2 bad arguments, 130 interrupted.
    """
    return batch.guarded(lambda stop: _run(words, stop))


def _run(words: Sequence[str], stop: batch.Stop) -> int:
    """The exit code, but for what stops it from outside."""
    try:
        options = command.read(words)
        if options.sweep:
            from brainlib.run import sweep_run  # and pandas: half a second for sweeps alone

            return sweep_run.run(options, words, stop)
        if options.list:
            print("\n".join(command.listing(options)))
            return 0
        if options.teach:
            from brainlib.run import teach  # and nbconvert, which others need not wait for

            return teach.run(options.teach, options.notebooks)
        if options.report:
            from brainlib.run import report_command  # and typst, which others need not wait for

            return report_command.run(options)
        if options.lab:
            from brainlib.run import lab_command

            return lab_command.run(options, stop)
        if options.pages:
            from brainlib.run import pages_command

            return pages_command.run(options)
        request = command.check(options)
    except Refused as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return 2
    return batch.run_locked(request, words, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
