"""A lab at the ends of all its controls: whatever fails there is raised."""


def extremes(control):
    """The values at the ends of a control, and all options of a list."""
    if hasattr(control, "options"):
        return [value for _, value in control._options_full]
    if isinstance(control.value, bool):
        return [not control.value, control.value]
    ends = (control.min, control.max)
    return [(end, end) for end in ends] if isinstance(control.value, tuple) else list(ends)


def go_to_extremes(lab):
    """One control after the other, then all at once; each task is set up and answered."""
    for name, control in lab.controls.items():
        for value in extremes(control):
            lab.set({name: value})
    for end in (0, -1):
        lab.set({name: extremes(control)[end] for name, control in lab.controls.items()})
    for _, task in lab.tasks.choice.options:
        lab.tasks.choice.value = task
        lab.tasks.reveal()
        assert lab.tasks.answer
