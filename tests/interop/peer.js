// The client of tests/interop.rs in node: the package ws on the other end.
//
// usage: peer.js echo URL SEED
//        peer.js talk URL [origin=O] [protocol=P]... [send=TEXT]... [receive=N] [close=CODE]
//
// What both do and print is told in peer.py.
"use strict";

const WebSocket = require("ws");

const ALPHABET = "a\n\r\n\0~\x7f\x80ß\u07ff\u0800€\ud7ff\ue000\ufeff\uffff\u{10000}𝄞\u{10ffff}";
const EDGES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 18, 1 << 20, 10 << 20];
const RANDOM_MESSAGES = 1000;
const WINDOW_MESSAGES = 64;
const WINDOW_BYTES = 1 << 20;

// Marsaglia's xorshift: 32 bits of state, never zero.
class Dice {
  constructor(seed) {
    this.state = seed >>> 0 || 1;
  }
  next() {
    let x = this.state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (this.state = x >>> 0);
  }
  upTo(limit) {
    return this.next() % (limit + 1);
  }
  oneIn(sides) {
    return this.upTo(sides - 1) === 0;
  }
}

function textOf(dice, length) {
  const parts = [];
  const first = dice.upTo(65535);
  for (let ordinal = 0; ordinal <= length / 40; ordinal++) parts.push((first + ordinal).toString(16), ALPHABET);
  const payload = Buffer.from(parts.join("")).subarray(0, length);
  // The last character may have been cut: it goes, back to a byte that begins one.
  let end = length;
  while (end > 0 && length - end < 4 && (payload[end - 1] & 0xc0) === 0x80) end--;
  if (end > 0 && payload[end - 1] >= 0xc0) end--;
  return payload.fill("x", end);
}

function binaryOf(dice, length) {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0; at < words.length; at++) words[at] = dice.next();
  return Buffer.from(words.buffer, 0, length);
}

function piecesOf(dice, payload) {
  const cuts = Array.from({ length: 1 + dice.upTo(7) }, () => dice.upTo(payload.length)).sort((a, b) => a - b);
  return [0, ...cuts].map((from, at) => payload.subarray(from, cuts[at] ?? payload.length));
}

function* plan(seed) {
  const dice = new Dice(seed);
  const shapes = [];
  for (const isText of [true, false])
    for (const isFragmented of [true, false]) for (const length of EDGES) shapes.push({ isText, length, isFragmented });
  for (let count = 0; count < RANDOM_MESSAGES; count++)
    shapes.push({ isText: dice.oneIn(2), length: dice.upTo((1 << dice.upTo(16)) - 1), isFragmented: dice.oneIn(4) });
  for (let at = shapes.length - 1; at > 0; at--) {
    const other = dice.upTo(at);
    [shapes[at], shapes[other]] = [shapes[other], shapes[at]];
  }
  for (const { isText, length, isFragmented } of shapes) {
    const payload = isText ? textOf(dice, length) : binaryOf(dice, length);
    yield { isText, payload, pieces: isFragmented ? piecesOf(dice, payload) : [payload] };
  }
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}

function difference(sent, received) {
  let at = 0;
  while (at < sent.length && sent[at] === received[at]) at++;
  const hex = (bytes) => bytes.subarray(at, at + 16).toString("hex");
  return `different from byte ${at} on: ${hex(sent)} is now ${hex(received)}`;
}

function echo(url, seed) {
  const socket = new WebSocket(url, { maxPayload: 0 });
  const messages = plan(Number(seed));
  const dice = new Dice(~Number(seed));
  const facts = { messages: 0, bytes: 0, texts: 0, empty: 0, fragmented: 0, pings: 0 };
  const awaited = [];
  let waitingBytes = 0;
  let compared = 0;
  let lastPong = 0;
  let next = messages.next();

  const ping = () => {
    if (dice.oneIn(8)) socket.ping(String(++facts.pings));
  };
  const send = ({ isText, payload, pieces }) => {
    awaited.push({ isText, payload });
    waitingBytes += payload.length;
    pieces.forEach((piece, at) => {
      socket.send(piece, { binary: !isText, fin: at === pieces.length - 1 });
      ping();
    });
    facts.messages += 1;
    facts.bytes += payload.length;
    facts.texts += isText;
    facts.empty += payload.length === 0;
    facts.fragmented += pieces.length > 1;
  };
  const fits = () =>
    awaited.length < WINDOW_MESSAGES &&
    (waitingBytes === 0 || waitingBytes + next.value.payload.length <= WINDOW_BYTES);
  const fill = () => {
    while (!next.done && fits()) {
      send(next.value);
      next = messages.next();
    }
    // The pong of the last ping stands for those before it: RFC 6455 5.5.3.
    if (next.done && awaited.length === 0 && lastPong === facts.pings) socket.close(1000, "compared");
  };

  socket.on("open", fill);
  socket.on("pong", (payload) => {
    const ordinal = Number(payload);
    if (ordinal <= lastPong || ordinal > facts.pings) fail(`pong ${ordinal} after ${lastPong}, ${facts.pings} pings`);
    lastPong = ordinal;
    fill();
  });
  socket.on("message", (received, isBinary) => {
    const sent = awaited.shift() ?? fail(`message ${compared}: came back, never went`);
    if (isBinary === sent.isText) fail(`message ${compared}: sent text=${sent.isText}, came back binary=${isBinary}`);
    if (!received.equals(sent.payload))
      fail(`message ${compared}: ${sent.payload.length} bytes went, ${received.length} came back, ${difference(sent.payload, received)}`);
    compared += 1;
    waitingBytes -= sent.payload.length;
    fill();
  });
  socket.on("error", (error) => fail(`after ${compared} messages: ${error.message}`));
  socket.on("close", (code, reason) => {
    if (compared !== facts.messages || !next.done) fail(`closed after ${compared} messages: ${code} ${reason}`);
    for (const [fact, value] of Object.entries(facts)) console.log(fact, value);
    console.log("close", code);
  });
}

function talk(url, ...words) {
  const options = { protocol: [], send: [] };
  for (const word of words) {
    const [, name, value] = /^(\w+)=(.*)$/s.exec(word);
    if (Array.isArray(options[name])) options[name].push(value);
    else options[name] = value;
  }
  const socket = new WebSocket(url, options.protocol, options.origin === undefined ? {} : { origin: options.origin });
  let wanted = options.receive === undefined ? Infinity : Number(options.receive);
  const closeWhenDone = () => {
    if (wanted === 0 && options.close !== undefined) socket.close(Number(options.close), "enough");
  };

  socket.on("upgrade", (response) => {
    console.log("status", response.statusCode);
    console.log("protocol", response.headers["sec-websocket-protocol"] ?? "-");
    console.log("extensions", response.headers["sec-websocket-extensions"] ?? "-");
  });
  socket.on("unexpected-response", (request, response) => {
    console.log("status", response.statusCode);
    process.exit(0);
  });
  socket.on("open", () => {
    for (const text of options.send) socket.send(text);
    closeWhenDone();
  });
  socket.on("message", (payload, isBinary) => {
    console.log(isBinary ? "binary" : "text", payload.toString());
    wanted -= 1;
    closeWhenDone();
  });
  // Also tells of a handshake that ws does not accept, which then closes without an "open".
  socket.on("error", (error) => console.error(error.message));
  socket.on("close", (code, reason) => console.log(code === 1006 ? "close lost" : `close ${code} ${reason}`.trimEnd()));
}

({ echo, talk })[process.argv[2]](...process.argv.slice(3));
