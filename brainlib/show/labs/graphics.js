// Asks the browser whether it draws in 3-D, and says in words what the canvas of the lab shows.

function render({ model, el }) {
  const drawn = document.createElement("canvas").getContext("webgl2");
  model.set("graphics", drawn ? "webgl2" : "none");
  model.save_changes();
  drawn?.getExtension("WEBGL_lose_context")?.loseContext();

  function describe() {
    const shown = el.closest(".brain-lab")?.querySelector("canvas, img");
    if (!shown) return;
    shown.setAttribute("role", "img");
    shown.setAttribute("aria-label", model.get("alt"));
  }

  model.on("change:alt", describe);
  const stop = makeReachableSoon(el);
  const untilDrawn = setInterval(describe, 400);
  setTimeout(() => clearInterval(untilDrawn), 20000);
  return () => {
    stop();
    clearInterval(untilDrawn);
  };
}

export default { render };
