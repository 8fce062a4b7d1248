"""'Try this', 'I predict', 'Reveal': a question whose answer is computed from this run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import ipywidgets

WIDE = ipywidgets.Layout(width="97%")
LABEL = {"description_width": "88px"}
NOTHING = "(choose)"


@dataclass(frozen=True)
class Task:
    """Something to try, and a question about it.

    Attributes:
        title: a few words, for the list.
        words: what to do.
        answers: what can be predicted, the right one among them.
        reveal: () -> (the right answer, a sentence with the numbers behind it).
        start: values of the controls from which it begins.
    """

    title: str
    words: str
    answers: Sequence[str]
    reveal: Callable[[], tuple[str, str]]
    start: Mapping[str, Any] = field(default_factory=dict)


class TaskPanel:
    """The controls of the tasks of a lab.

    Attributes:
        choice, prediction: the lists.
        set_up: button that moves the lab's controls to where the task begins.
        button: reveals.
        box: all of them with their words.
    """

    def __init__(self, tasks: Sequence[Task], begin: Callable[[Mapping[str, Any]], None]) -> None:
        """Shows the first task.

        Args:
            tasks: at least one.
            begin: sets the lab's controls to where a task begins.
        """
        self._begin = begin
        options = [(task.title, task) for task in tasks]
        self.choice = ipywidgets.Dropdown(
            options=options, description="Try this", layout=WIDE, style=LABEL
        )
        self.prediction = ipywidgets.Dropdown(description="I predict", layout=WIDE, style=LABEL)
        self.set_up = ipywidgets.Button(
            description="Set up", tooltip="move the controls to where this begins"
        )
        self.button = ipywidgets.Button(description="Reveal", tooltip="compute the answer")
        self._words = ipywidgets.HTML(layout=WIDE)
        self._answer = ipywidgets.HTML(layout=ipywidgets.Layout(width="100%", min_height="3.6em"))
        self._show()
        self.choice.observe(self._chosen, "value")
        self.set_up.on_click(lambda _: self._begin(self.task.start))
        self.button.on_click(self.reveal)
        buttons = ipywidgets.HBox([self.set_up, self.button])
        self.box = ipywidgets.VBox(
            [self.choice, self._words, self.prediction, buttons, self._answer]
        )

    @property
    def task(self) -> Task:
        """The one that is chosen."""
        return self.choice.value

    @property
    def answer(self) -> str:
        """What was revealed, as HTML; "" before."""
        return self._answer.value

    def _show(self) -> None:
        self._words.value = _paragraph(escape(self.task.words))
        self.prediction.options = (NOTHING, *self.task.answers)
        self.prediction.value = NOTHING
        self._answer.value = ""

    def _chosen(self, _) -> None:
        self._show()
        self._begin(self.task.start)

    def reveal(self, _: object = None) -> None:
        """Computes the answer and says whether the prediction was right."""
        right, words = self._computed()
        if self.prediction.value == NOTHING:
            verdict = f"It is: {right}."
        elif self.prediction.value == right:
            verdict = f"Right: {right}."
        else:
            verdict = f"Not so: {right}."
        self._answer.value = _paragraph(f"<b>{escape(verdict)}</b> {escape(words)}", "status")

    def _computed(self) -> tuple[str, str]:
        """The answer; the button says that it takes its time."""
        words, self.button.description = self.button.description, "Computing ..."
        self.button.disabled = True
        try:
            return self.task.reveal()
        finally:
            self.button.description, self.button.disabled = words, False


def _paragraph(html: str, role: str = "note") -> str:
    return f'<div class="brain-lab-words" role="{role}">{html}</div>'
