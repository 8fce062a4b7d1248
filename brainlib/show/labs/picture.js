// The picture of a lab: one <img> whose bytes are exchanged in place, that says in words what it
// shows, and that answers to the mouse and to the arrow keys where the lab has a place to move.

function render({ model, el }) {
  const image = document.createElement("img");
  image.className = "brain-lab-picture";
  image.draggable = false;
  el.append(image);
  let drawn = 0;

  async function paint() {
    const number = ++drawn;
    const url = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
    const next = new Image();
    next.src = url;
    await next.decode().catch(() => {});
    if (number === drawn) {
      const old = image.src;
      image.src = url; // decoded already: no blank picture in between
      image.dataset.drawn = number;
      if (old) URL.revokeObjectURL(old);
    }
    makeReachable(el);
  }

  function describe() {
    image.alt = model.get("alt");
    image.style.width = `${model.get("width")}px`;
    image.style.height = `${model.get("height")}px`;
    const words = model.get("steering");
    image.tabIndex = words ? 0 : -1;
    image.title = words;
  }

  function move(x, y) {
    const inside = (value) => Math.min(1, Math.max(0, value));
    model.set("place", [inside(x), inside(y)]);
    model.save_changes();
  }

  function follow(event) {
    const box = image.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  }

  image.addEventListener("pointerdown", (event) => {
    if (!model.get("steering")) return;
    image.setPointerCapture(event.pointerId);
    follow(event);
  });
  image.addEventListener("pointermove", (event) => {
    if (model.get("steering") && event.buttons === 1) follow(event);
  });
  image.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || !model.get("steering")) return;
    event.preventDefault();
    event.stopPropagation();
    const [x, y] = model.get("place");
    const [across, down] = model.get("stride");
    move(x + step[0] * across, y + step[1] * down);
  });

  model.on("change:value", paint);
  model.on("change:alt change:steering change:width change:height", describe);
  describe();
  paint();
  return makeReachableSoon(el);
}

export default { render };
