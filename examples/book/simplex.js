// MAML on a bandit with three arms: the mathematics of the page `simplex`, and the page itself.
//
// A policy has the logits z, and `means` are the mean rewards of the arms of one task. The formulas
// are those of metarl_min: policies (1) and (3), objectives (5) and (6), adaptation (1), (3), (5).
"use strict";

const dot = (x, y) => x.reduce((sum, entry, i) => sum + entry * y[i], 0);
const addScaled = (x, c, y) => x.map((entry, i) => entry + c * y[i]);

function softmax(z) {
  const weights = z.map((entry) => Math.exp(entry - Math.max(...z)));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}

// policies (3): the gradient in the logits of a function with the gradient u in the probabilities.
function pullback(pi, u) {
  const mean = dot(pi, u);
  return pi.map((p, a) => p * (u[a] - mean));
}

// objectives (5): the gradient of the expected return J in the logits.
const gradient = (z, means) => pullback(softmax(z), means);

// objectives (6): the Hessian of J in the logits, times v. In a bandit, delta g is zero.
function hessianProduct(z, means, v) {
  const pi = softmax(z), delta = pullback(pi, v);
  return pi.map((p, a) => delta[a] * (means[a] - dot(pi, means)) - p * dot(delta, means));
}

// adaptation (1): theta and the logits after each of K inner steps.
function innerLoop(theta, means, alpha, K) {
  const path = [theta];
  for (let k = 0; k < K; k++) path.push(addScaled(path[k], alpha, gradient(path[k], means)));
  return path;
}

// adaptation (3): the adjoint of theta, backwards by one Hessian-vector product for each step.
function adjoint(path, means, alpha) {
  let v = gradient(path[path.length - 1], means);
  for (let k = path.length - 2; k >= 0; k--) {
    v = addScaled(v, alpha, hessianProduct(path[k], means, v));
  }
  return v;
}

// adaptation (5): the paths of all tasks, F, and the gradient of F.
function measure(theta, tasks, alpha, K) {
  const paths = tasks.map((means) => innerLoop(theta, means, alpha, K));
  const returns = paths.map((path, m) => dot(softmax(path[K]), tasks[m]));
  const total = paths.reduce(
    (sum, path, m) => addScaled(sum, 1 / tasks.length, adjoint(path, tasks[m], alpha)), [0, 0, 0]);
  return { paths, returns, F: returns.reduce((a, b) => a + b) / tasks.length, gradient: total };
}

// The places of policies in the triangle: arm 0 is left, arm 1 is right, and arm 2 is on top.
const CORNERS = [[40, 300], [360, 300], [200, 300 - 160 * Math.sqrt(3)]];
const place = (pi) => [0, 1].map((axis) => dot(pi, CORNERS.map((corner) => corner[axis])));

// The policy at a place, with each probability at least 0.001, so that all logits are finite.
function policyAt(x, y) {
  const top = (300 - y) / (160 * Math.sqrt(3)), right = (x - 40) / 320 - top / 2;
  const kept = [1 - top - right, right, top].map((p) => Math.max(p, 0.001));
  const sum = kept.reduce((a, b) => a + b);
  return kept.map((p) => p / sum);
}

const FAMILIES = {
  two: [[0.9, 0.1, 0.1], [0.1, 0.9, 0.1]],
  three: [[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9]],
  safe: [[0.9, 0.1, 0.6], [0.1, 0.9, 0.6]],
};
const BETA = 5; // outer step size

function page() {
  const get = (id) => document.getElementById(`simplex-${id}`);
  const digits = (x, n = 3) => (Math.abs(x) < 0.5 * 10 ** -n ? 0 : x).toFixed(n);
  const theta = () => [Number(get("theta0").value), Number(get("theta1").value), 0];

  function setTheta(z) { // only differences of logits matter, so the last logit is 0
    for (const i of [0, 1]) get(`theta${i}`).value = z[i] - z[2];
    draw();
  }

  function marker(m, [x, y], size) {
    if (m === 0) return `<circle cx="${x}" cy="${y}" r="${size}"/>`;
    const points = m === 1
      ? [[-1, -1], [1, -1], [1, 1], [-1, 1]] : [[0, -1.3], [1.2, 0.9], [-1.2, 0.9]];
    return `<polygon points="${points.map(([u, v]) => [x + u * size, y + v * size]).join(" ")}"/>`;
  }

  function drawTask(path, m) {
    const points = path.map((phi) => place(softmax(phi)));
    const dots = points.slice(1).map((point) => marker(m, point, 4)).join("");
    return `<g class="task-${m}"><polyline points="${points.join(" ")}"/>${dots}</g>`;
  }

  function drawArrow(start, end) {
    const angle = (Math.atan2(end[1] - start[1], end[0] - start[0]) * 180) / Math.PI;
    if (Math.hypot(end[0] - start[0], end[1] - start[1]) < 0.5) return "";
    return `<g class="meta-gradient"><line x1="${start[0]}" y1="${start[1]}" x2="${end[0]}"
      y2="${end[1]}"/><polygon points="0,0 -9,-5 -9,5"
      transform="translate(${end}) rotate(${angle})"/></g>`;
  }

  function cells(numbers, n) {
    return numbers.map((x) => `<td data-value="${x}">${digits(x, n)}</td>`).join("");
  }

  function drawTables(found, K, tasks) {
    get("tasks").innerHTML = found.paths.map((path, m) => `<tr class="task-${m}">
      <th scope="row">${["●", "■", "▲"][m]} task ${m}: means ${tasks[m].join(", ")}</th>
      ${cells([...softmax(path[K]), found.returns[m]], 3)}</tr>`).join("");
    get("gradient").innerHTML = `<tr><th scope="row">gradient of F in theta</th>
      ${cells(found.gradient, 3)}<td></td></tr><tr><th scope="row">F</th>
      <td></td><td></td><td></td>${cells([found.F], 3)}</tr>`;
  }

  function draw() {
    const alpha = Number(get("alpha").value), K = Number(get("K").value);
    const tasks = FAMILIES[get("family").value];
    const found = measure(theta(), tasks, alpha, K);
    const start = place(softmax(theta()));
    const next = place(softmax(addScaled(theta(), BETA, found.gradient)));
    for (const id of ["alpha", "K", "theta0", "theta1"]) {
      get(`${id}-value`).value = digits(Number(get(id).value), id === "K" ? 0 : 2);
    }
    get("paths").innerHTML = found.paths.map(drawTask).join("") + drawArrow(start, next)
      + `<circle class="start" cx="${start[0]}" cy="${start[1]}" r="7"/>`;
    drawTables(found, K, tasks);
    const policies = found.paths.map((path, m) =>
      `task ${m} ends at (${softmax(path[K]).map((p) => digits(p, 2)).join(", ")})`);
    get("words").textContent = `The start is the policy (${softmax(theta()).map((p) =>
      digits(p, 2)).join(", ")}). After K = ${K} inner steps, ${policies.join(", ")}. F is ${
      digits(found.F)}, and the gradient of F has the length ${
      digits(Math.sqrt(dot(found.gradient, found.gradient)), 4)}.`;
  }

  function drag(event) {
    const picture = get("picture"), point = picture.createSVGPoint();
    [point.x, point.y] = [event.clientX, event.clientY];
    const { x, y } = point.matrixTransform(picture.getScreenCTM().inverse());
    setTheta(policyAt(x, y).map(Math.log));
  }

  for (const id of ["alpha", "K", "theta0", "theta1", "family"]) {
    get(id).addEventListener("input", draw);
  }
  get("step").addEventListener("click", () => {
    const tasks = FAMILIES[get("family").value];
    const found = measure(theta(), tasks, Number(get("alpha").value), Number(get("K").value));
    setTheta(addScaled(theta(), BETA, found.gradient));
  });
  get("uniform").addEventListener("click", () => setTheta([0, 0, 0]));
  get("picture").addEventListener("pointerdown", (event) => {
    get("picture").setPointerCapture(event.pointerId);
    drag(event);
  });
  get("picture").addEventListener("pointermove", (event) => event.buttons && drag(event));
  draw();
}

if (typeof document !== "undefined") page();
if (typeof module !== "undefined") {
  module.exports = { softmax, gradient, hessianProduct, innerLoop, measure, place, policyAt };
}
