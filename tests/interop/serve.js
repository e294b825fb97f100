// The server of tests/interop/servers.rs in node: the package ws on the other end. What it does is told
// in serve.py.
"use strict";

const { WebSocketServer } = require("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: 0, maxPayload: 0, handleProtocols: () => "chat" });
server.on("listening", () => console.log(server.address().port));
server.on("connection", (socket) => {
  const pinging = setInterval(() => socket.ping("are you there?"), 50);
  let ordinal = 0;
  socket.on("close", () => clearInterval(pinging));
  socket.on("message", (payload, isBinary) => {
    const close = isBinary ? null : /^close (\d+) (.*)$/s.exec(payload.toString());
    if (close) return socket.close(Number(close[1]), close[2]);
    const third = Math.floor(payload.length / 3);
    if (ordinal++ % 2 === 0 || !isBinary) return socket.send(payload, { binary: isBinary });
    socket.send(payload.subarray(0, third), { binary: true, fin: false });
    socket.send(payload.subarray(third), { binary: true, fin: true });
  });
});
