"""The server of tests/interop/servers.rs in python: the package websockets on the other end.

Prints the port that it listens on, then sends every message back, one in two in fragments, and pings all
the while. The text "close CODE REASON" has it close with these; serve.js does the same.
"""

import asyncio
import itertools

from websockets.asyncio.server import serve


async def echo(socket):
    for ordinal in itertools.count():
        message = await socket.recv()
        if isinstance(message, str) and message.startswith("close "):
            _, code, reason = message.split(" ", 2)
            await socket.close(int(code), reason)
            return
        third = len(message) // 3
        whole = ordinal % 2 == 0 or isinstance(message, str)
        await socket.send(message if whole else [message[:third], message[third:]])


async def main():
    options = dict(max_size=None, ping_interval=0.05, subprotocols=["chat"])
    async with serve(echo, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


asyncio.run(main())
