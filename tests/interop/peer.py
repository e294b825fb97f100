"""The client of tests/interop.rs in python: the package websockets on the other end.

usage: peer.py echo URL SEED
       peer.py talk URL [origin=O] [protocol=P]... [send=TEXT]... [receive=N] [close=CODE]

Both print what happened, one fact a line; peer.js and tungstenite.rs print the same.

echo sends about 1,100 messages and expects each back as it went: type, length, bytes, order.
talk prints the answer to the handshake, sends, prints what comes until N messages are there (without
N: until the server closes), closes with CODE if there is one and prints the closing code and reason.
"""

import asyncio
import itertools
import random
import sys

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

# Every length of UTF-8, both ends of each, what ends a record elsewhere, a BOM, a non-character.
ALPHABET = "a\n\r\n\0~\x7f\x80ß\u07ff\u0800€\ud7ff\ue000\ufeff\uffff\U00010000𝄞\U0010ffff"
# Around each form of the length on the wire, then what fills every buffer on the way.
EDGES = [0, 1, 125, 126, 127, 65535, 65536, 65537, 1 << 18, 1 << 20, 10 << 20]
RANDOM_MESSAGES = 1000
WINDOW_MESSAGES = 64
WINDOW_BYTES = 1 << 20


def text_of(dice, length):
    """Text of `length` bytes that nowhere repeats itself."""
    ordinals = itertools.count(dice.getrandbits(16))
    text = "".join(f"{next(ordinals):x}{ALPHABET}" for _ in range(length // 40 + 1))
    whole = text.encode()[:length].decode(errors="ignore").encode()
    return whole + b"x" * (length - len(whole))


def pieces_of(dice, payload):
    """The payload in two to nine pieces: cuts fall inside characters, pieces may be empty."""
    cuts = sorted(dice.randint(0, len(payload)) for _ in range(dice.randint(1, 8)))
    return [payload[a:b] for a, b in zip([0, *cuts], [*cuts, len(payload)])]


def plan(seed):
    """The messages to send: (is_text, pieces)."""
    dice = random.Random(seed)
    shapes = [(text, length, False) for text in (True, False) for length in EDGES]
    shapes += [(text, length, True) for text in (True, False) for length in EDGES]
    for _ in range(RANDOM_MESSAGES):
        length = dice.randint(0, (1 << dice.randint(0, 16)) - 1)
        shapes.append((dice.random() < 0.5, length, dice.random() < 0.25))
    dice.shuffle(shapes)
    for is_text, length, is_fragmented in shapes:
        payload = text_of(dice, length) if is_text else dice.randbytes(length)
        yield is_text, pieces_of(dice, payload) if is_fragmented else [payload]


class Echo:
    """One exchange: a sender that stays within the window and a receiver that compares."""

    def __init__(self, socket, seed):
        self.socket = socket
        self.seed = seed
        self.dice = random.Random(-seed)
        self.awaited = asyncio.Queue()
        self.waiting_bytes = 0
        self.has_room = asyncio.Condition()
        self.facts = dict(messages=0, bytes=0, texts=0, empty=0, fragmented=0, pings=0)

    async def ping(self, one_in):
        if self.dice.randrange(one_in) == 0:
            self.facts["pings"] += 1
            self.pong = await self.socket.ping(f"ping {self.facts['pings']}")

    async def with_pings(self, pieces):
        for piece in pieces:
            yield piece
            await self.ping(8)

    async def send(self):
        for is_text, pieces in plan(self.seed):
            payload = b"".join(pieces)
            async with self.has_room:
                await self.has_room.wait_for(
                    lambda: self.awaited.qsize() < WINDOW_MESSAGES
                    and (not self.waiting_bytes or self.waiting_bytes + len(payload) <= WINDOW_BYTES)
                )
                self.waiting_bytes += len(payload)
            self.awaited.put_nowait((is_text, payload))
            whole = payload if len(pieces) == 1 else self.with_pings(pieces)
            await self.socket.send(whole, text=is_text)
            self.facts["messages"] += 1
            self.facts["bytes"] += len(payload)
            self.facts["texts"] += is_text
            self.facts["empty"] += not payload
            self.facts["fragmented"] += len(pieces) > 1
            await self.ping(8)
        self.awaited.put_nowait(None)

    async def compare(self):
        for ordinal in itertools.count():
            message = await self.awaited.get()
            if message is None:
                return
            is_text, sent = message
            received = await self.socket.recv()
            if isinstance(received, str) != is_text:
                sys.exit(f"message {ordinal}: sent text={is_text}, came back {type(received)}")
            received = received.encode() if is_text else received
            if received != sent:
                sys.exit(f"message {ordinal}: {len(sent)} bytes went, {len(received)} came back, {difference(sent, received)}")
            async with self.has_room:
                self.waiting_bytes -= len(sent)
                self.has_room.notify_all()


def difference(sent, received):
    at = next((at for at, (a, b) in enumerate(zip(sent, received)) if a != b), min(len(sent), len(received)))
    return f"different from byte {at} on: {sent[at : at + 16].hex()} is now {received[at : at + 16].hex()}"


async def echo(url, seed):
    async with connect(url, max_size=None, ping_interval=None, proxy=None) as socket:
        exchange = Echo(socket, int(seed))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(exchange.send())
            tasks.create_task(exchange.compare())
        # The pong of the last ping stands for those before it: RFC 6455 5.5.3.
        await exchange.pong
        await socket.close(1000, "compared")
        for fact, value in exchange.facts.items():
            print(fact, value)
        print("close", socket.protocol.close_rcvd.code)


async def talk(url, *words):
    options = {}
    for word in words:
        name, _, value = word.partition("=")
        options.setdefault(name, []).append(value)
    try:
        socket = await connect(
            url,
            origin=options.get("origin", [None])[0],
            subprotocols=options.get("protocol"),
            ping_interval=None,
            proxy=None,
        )
    except InvalidStatus as refusal:
        return print("status", refusal.response.status_code)
    print("status", socket.response.status_code)
    print("protocol", socket.subprotocol or "-")
    print("extensions", socket.response.headers.get("Sec-WebSocket-Extensions", "-"))
    for text in options.get("send", []):
        await socket.send(text)
    try:
        wanted = options.get("receive")
        for _ in range(int(wanted[0])) if wanted else itertools.count():
            await report_message(socket)
        if "close" in options:
            await socket.close(int(options["close"][0]), "enough")
        while True:
            await report_message(socket)
    except ConnectionClosed as closed:
        print("close", f"{closed.rcvd.code} {closed.rcvd.reason}".rstrip() if closed.rcvd else "lost")


async def report_message(socket):
    message = await socket.recv()
    print("text" if isinstance(message, str) else "binary", message)


asyncio.run({"echo": echo, "talk": talk}[sys.argv[1]](*sys.argv[2:]))
