'use strict';

const MARGIN = 0.05;

const element = id => document.getElementById(id);
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/graph');

/** A button for each curve; the first is chosen. */
function offer(names) {
  element('curves').replaceChildren(...names.map(name => {
    const button = document.createElement('button');
    button.textContent = name;
    button.onclick = () => choose(name);
    return button;
  }));
  choose(names[0]);
}

function choose(name) {
  for (const button of element('curves').children)
    button.setAttribute('aria-pressed', String(button.textContent === name));
  socket.send(name);
}

/** Shows this part of the plane. The y of a graph goes up, that of a screen down. */
function show(numbers) {
  const [left, right, bottom, top] = numbers;
  const [width, height] = [right - left, top - bottom];
  const margin = MARGIN * Math.max(width, height);
  element('paper').setAttribute('viewBox',
    [left - margin, -top - margin, width + 2 * margin, height + 2 * margin].join(' '));
  element('axes').setAttribute('d', `M${left} 0H${right}M0 ${-bottom}V${-top}`);
}

/** The words a line may begin with. Any other is none, and is ignored. */
const words = new Map([
  ['curves', rest => offer(rest)],
  ['title', rest => { element('title').textContent = rest.join(' '); }],
  ['error', rest => { element('title').textContent = rest.join(' '); }],
  ['window', rest => {
    const numbers = rest.map(Number);
    if (numbers.length === 4 && numbers.every(Number.isFinite)) show(numbers);
  }],
  ['line', rest => {
    const points = rest.map(point => point.split(',').map(Number));
    if (points.every(([x, y]) => Number.isFinite(x) && Number.isFinite(y)))
      element('line').setAttribute('points', points.map(([x, y]) => `${x},${-y}`).join(' '));
  }],
]);

socket.onmessage = event => {
  const [word, ...rest] = event.data.split(' ');
  words.get(word)?.(rest);
};
socket.onclose = event => { element('title').textContent = `closed ${event.code}`; };
