// What every lab shares: its controls have names, and JupyterLab leaves their keys alone.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// An arrow key in a list of a lab chooses there; JupyterLab would move on to the next cell or button.
function keepArrows(event) {
  if (event.key in STEPS) event.stopPropagation();
}

// JupyterLab has shortcuts on the same keys, and sliders do not say what they slide.
function makeReachable(element) {
  const lab = element.closest(".brain-lab");
  if (!lab) return;
  if (!lab.hasAttribute("data-lm-suppress-shortcuts")) {
    lab.setAttribute("data-lm-suppress-shortcuts", "true");
    lab.addEventListener("keydown", keepArrows);
  }
  for (const control of lab.querySelectorAll(".jupyter-widgets")) {
    const label = control.querySelector(":scope > .widget-label");
    if (!label) continue;
    const parts = ".noUi-handle, .widget-readout, select, input, .widget-toggle-buttons";
    for (const part of control.querySelectorAll(parts)) {
      part.setAttribute("aria-label", label.textContent);
    }
  }
}

// Controls come one by one after the picture.
function makeReachableSoon(element) {
  const untilShown = setInterval(() => makeReachable(element), 400);
  setTimeout(() => clearInterval(untilShown), 6000);
  return () => clearInterval(untilShown);
}
