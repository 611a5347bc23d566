
/* The flame graph: outermost call on top, width = time lost or number of slow writes; a click zooms. */

const flame = { root: null, zoomed: null, measure: "nano" };
const FLAME_ROW = 20;
/* Narrower than this part of the whole cannot be seen. */
const FLAME_NARROWEST = 0.001;

function drawFlame() {
  flame.root = flame.zoomed = flameTree();
  const choice = (measure, text) => element("label", {},
    element("input", { type: "radio", name: "measure", value: measure, checked: measure === flame.measure, onchange: () => { flame.measure = measure; layOutFlame(); } }), ` ${text}`);
  byId("flame-measure").replaceChildren(
    element("span", {}, "Width:"), choice("nano", "time lost"), choice("count", "slow writes"),
    element("button", { type: "button", id: "flame-reset", onclick: () => { flame.zoomed = flame.root; layOutFlame(); } }, "Show all"));
  layOutFlame();
}

function flameTree() {
  const node = (name, frame, parent) => ({ name, frame, parent, nano: 0, count: 0, children: new Map() });
  const root = node("all slow writes", null, null);
  for (const stack of report.stacks.stacks) {
    let at = root;
    root.nano += stack.nano;
    root.count += stack.count;
    for (const number of [...stack.frames].reverse()) {
      const frame = report.stacks.frames[number];
      const name = nameOf(frame[0]) ?? "(not known)";
      if (!at.children.has(name)) at.children.set(name, node(name, frame, at));
      at = at.children.get(name);
      at.nano += stack.nano;
      at.count += stack.count;
    }
  }
  return root;
}

const isRuntime = (name) => /^(runtime|internal\/runtime\/|internal\/abi)/.test(name);

function layOutFlame() {
  const { zoomed, measure } = flame;
  const boxes = [];
  let depth = 0;
  const box = (node, left, width, level, around) => {
    depth = Math.max(depth, level);
    const share = node[measure] / (flame.root[measure] || 1);
    const said = `${node.name}: ${duration(node.nano)} in ${count(node.count)} slow writes, ${percent(share)}`;
    boxes.push(element("button", {
      type: "button", title: said, "aria-label": said,
      class: around ? "around" : isRuntime(node.name) ? "runtime" : node.name.startsWith("main.") ? "own" : null,
      style: { left: `${left}%`, width: `${width}%`, top: `${level * FLAME_ROW}px` },
      onclick: () => { flame.zoomed = node; layOutFlame(); },
      onfocus: () => { byId("flame-said").textContent = said; },
      onmouseenter: () => { byId("flame-said").textContent = said; },
    }, node.name));
  };
  const around = [];
  for (let node = zoomed.parent; node; node = node.parent) around.unshift(node);
  around.forEach((node, level) => box(node, 0, 100, level, true));
  const below = (node, left, width, level) => {
    box(node, left, width, level, false);
    let next = left;
    const children = [...node.children.values()].sort((a, b) => b[measure] - a[measure]);
    for (const child of children) {
      const part = (width * child[measure]) / (node[measure] || 1);
      if (part < 100 * FLAME_NARROWEST) break;
      below(child, next, part, level + 1);
      next += part;
    }
  };
  below(zoomed, 0, 100, around.length);
  byId("flame").style.height = `${(depth + 1) * FLAME_ROW}px`;
  byId("flame").replaceChildren(...boxes);
}
