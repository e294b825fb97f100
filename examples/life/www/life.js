'use strict';

const CELL = 16;
const WIDTH = 48;
const HEIGHT = 30;
const PAUSE = 120;

const GUN = [
  '........................#',
  '......................#.#',
  '............##......##............##',
  '...........#...#....##............##',
  '##........#.....#...##',
  '##........#...#.##....#.#',
  '..........#.....#.......#',
  '...........#...#',
  '............##',
];

const element = id => document.getElementById(id);
const canvas = element('world');
const paper = canvas.getContext('2d');
const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/life');

/** What the next `show` paints: rectangles in cells. */
let size = [WIDTH, HEIGHT];
let rectangles = [];
let isRunning = false;
let isWaiting = false;
/** Of the step that comes next while it runs. */
let timer;

/** Sends a world, one row a message, and `!`. */
function sendWorld(rows) {
  for (const row of rows) socket.send(row);
  isWaiting = true;
  socket.send('!');
}

/** Asks for one generation, unless one is under way. */
function step() {
  if (isWaiting || socket.readyState !== WebSocket.OPEN) return;
  isWaiting = true;
  socket.send('!');
}

function paint() {
  canvas.width = size[0] * CELL;
  canvas.height = size[1] * CELL;
  paper.fillStyle = getComputedStyle(canvas).color;
  for (const [left, top, width, height] of rectangles)
    for (let x = left; x < left + width; x++)
      for (let y = top; y < top + height; y++)
        paper.fillRect(x * CELL + 1, y * CELL + 1, CELL - 2, CELL - 2);
}

/** What each drawing command does with its numbers. Any other word is none, and is ignored. */
const commands = new Map([
  ['size', numbers => { size = numbers.slice(0, 2); rectangles = []; }],
  ['fill', numbers => { rectangles.push(numbers.slice(0, 4)); }],
  ['show', () => {
    paint();
    isWaiting = false;
    if (isRunning) timer = setTimeout(step, PAUSE);
  }],
]);

function receive(line) {
  const [word, ...rest] = line.split(' ');
  if (word === 'say') {
    element('said').textContent = rest.join(' ');
    return;
  }
  const numbers = rest.map(Number);
  if (numbers.every(number => number >= 0 && number <= 1000)) commands.get(word)?.(numbers);
}

function run(isWanted) {
  isRunning = isWanted;
  clearTimeout(timer);
  element('run').setAttribute('aria-pressed', String(isRunning));
  if (isRunning) step();
}

const gun = () => Array.from({ length: HEIGHT }, (_, y) =>
  ('....' + (GUN[y - 3] ?? '')).padEnd(WIDTH, '.'));
const chance = () => Array.from({ length: HEIGHT }, () =>
  Array.from({ length: WIDTH }, () => Math.random() < 0.3 ? '#' : '.').join(''));

socket.onopen = () => sendWorld(gun());
socket.onmessage = event => receive(event.data);
socket.onclose = event => {
  run(false);
  element('said').textContent = `closed ${event.code}`;
};
element('run').onclick = () => run(!isRunning);
element('step').onclick = () => { run(false); step(); };
element('gun').onclick = () => { run(false); sendWorld(gun()); };
element('chance').onclick = () => { run(false); sendWorld(chance()); };
