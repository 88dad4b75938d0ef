"""Connections composed at random: a client's stream cut, reordered, overlapped, mixed with decoys, and a server that acknowledges what it could have received."""
import dataclasses
import struct

import http_cases
import wire
from wire import ACK, FIN, PSH, RST, SYN, URG

SERVER_V4, SERVER_V6, PORT = wire.address("198.51.100.10"), wire.address("2001:db8::10"), 9200
POLICY = {
    "version": 1, "mode": "enforce", "zones": {"everybody": ["0.0.0.0/0", "::/0"]},
    "services": {"lab": {"protocol": "elasticsearch", "addresses": ["198.51.100.10", "2001:db8::10"], "ports": [PORT]}},
    "rules": [{"id": "with-credentials", "from": ["everybody"], "to": ["lab"], "credentials": "present", "action": "allow"}],
    "default": {"action": "reject"}, "limits": {"open_heads": 4096, "retained_bytes": 67108864, "held_segments": 32768},
}
SERVICES = {(SERVER_V4, PORT), (SERVER_V6, PORT)}


@dataclasses.dataclass(frozen=True)
class Op:
    """One frame. Positions are relative: the SYN stands at -1, the first byte at 0; `ack` is the other side's position or None."""
    client: bool
    at: int
    flags: int
    data: bytes = b""
    ack: int | None = 0
    tricks: tuple = ()  # ((name, value), …) for wire.tcp_frame, and: stamp, isn, pieces, decoy

    def __str__(self):
        names = [name for bit, name in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (PSH, "PSH"), (ACK, "ACK"), (URG, "URG")) if self.flags & bit]
        tricks = " ".join(f"{name}={value}" for name, value in self.tricks)
        return f"{'client' if self.client else 'server'} at {self.at:+d} {'|'.join(names) or 'none'} ack {self.ack} {tricks} {self.data!r}"


@dataclasses.dataclass
class Case:
    kind: str
    legal: bool
    ops: list
    stream: bytes
    isn: int = 1000
    server_isn: int = 5000
    v6: bool = False
    stamps: bool = False
    vlan: tuple = ()
    strict: bool = False  # legal: every frame must leave, byte for byte
    ends: tuple | None = None  # ((client address, port), (server address, port)) instead of those that follow from its number
    begin: int = 0  # where the stream stands, behind requests that were allowed

    def client_address(self, index):
        if self.ends:
            return self.ends[0][0]
        if self.v6:
            return wire.address("2001:db8:ffff::") [:12] + (index + 1).to_bytes(4, "big")
        return (0x0A000000 + index + 1).to_bytes(4, "big")

    def frames(self, index):
        client, server = self.ends or ((self.client_address(index), 1024 + index % 60000), (SERVER_V6 if self.v6 else SERVER_V4, PORT))
        result = []
        for tick, op in enumerate(self.ops):
            result += self.render(op, client, server, tick)
        return result

    def render(self, op, client, server, tick):
        tricks = dict(op.tricks)
        tricks.pop("decoy", None)
        stamp, pieces, isn = tricks.pop("stamp", 0), tricks.pop("pieces", None), tricks.pop("isn", 0)
        coat, mtu = tricks.pop("coat", None), tricks.pop("too_big", None)
        options = tricks.pop("options", b"")
        if self.stamps and stamp is not None:
            options = wire.timestamp_option(1_000_000 + tick * 10 + stamp, 0 if op.ack is None else 2_000_000 + tick * 10) + options
        elif op.flags & SYN and not options:
            options = b"\2\4\5\xb4"
        source, destination = (client, server) if op.client else (server, client)
        mine, other = (self.isn, self.server_isn) if op.client else (self.server_isn, self.isn)
        frame = wire.tcp_frame(source[0], source[1], destination[0], destination[1], mine + isn + 1 + op.at,
                               0 if op.ack is None else other + 1 + op.ack, op.flags, op.data, options=options, vlan=self.vlan, **tricks)
        if mtu:
            return [wire.icmp_too_big(b"\xc6\x33\x64\xfe", frame, mtu)]
        if coat:
            return [wire.wrapped(frame, coat)]
        if pieces:
            result = list(fragments(frame, abs(pieces), self.vlan, tick, pieces % 3 == 1))
            return result[::-1] if pieces < 0 else result
        return [frame]


def fragments(frame, size, vlan, identifier, overlap):
    """`overlap`: each fragment begins eight bytes early, with other bytes."""
    packet = frame[14 + 4 * len(vlan):]
    v6 = packet[0] >> 4 == 6
    payload, size = packet[40 if v6 else 20:], max(8, size // 8 * 8)
    for offset in range(0, len(payload), size):
        more, start = offset + size < len(payload), max(0, offset - 8) if overlap else offset
        data = bytes(reversed(payload[start:offset])) + payload[offset:offset + size]
        if v6:
            header = struct.pack("!BBHI", 6, 0, start | more, identifier)
            yield wire.link(wire.ip_packet(packet[8:24], packet[24:40], header + data, protocol=44), vlan)
        else:
            yield wire.link(wire.ip_packet(packet[12:16], packet[16:20], data, identifier=identifier, fragment=more << 13 | start // 8), vlan)


class Builder:
    def __init__(self, rng, acks):
        self.rng, self.acks, self.ops, self.edge, self.got, self.server_at, self.client_ack = rng, acks, [], 0, {}, 0, 0
        self.high = 0  # behind everything that was sent, decoys too
        self.shifts = (0, 0)  # of this life's first sequence numbers against those of the first life: client, server

    def add(self, client, at, flags, data=b"", ack=0, tricks=()):
        mine, other = self.shifts if client else self.shifts[::-1]
        if mine:
            tricks = dict(tricks)
            tricks = tuple({**tricks, "isn": tricks.get("isn", 0) + mine}.items())
        self.ops.append(Op(client, at, flags, data, None if ack is None else ack + other, tricks))

    def handshake(self, options=b""):
        tricks = (("options", options),) if options else ()
        self.add(True, -1, SYN, ack=None, tricks=tricks)
        self.add(False, -1, SYN | ACK, tricks=tricks)
        self.add(True, 0, ACK)

    def rebirth(self, client, server):
        """The same two ends begin anew, so far behind the sequence numbers of before."""
        self.shifts = (self.shifts[0] + self.high + client, self.shifts[1] + self.server_at + server)
        self.edge, self.got, self.server_at, self.client_ack, self.high = 0, {}, 0, 0, 0

    def client(self, at, data, flags=ACK | PSH, believed=True, **tricks):
        """A segment; `believed`: a server takes it, so it acknowledges it as its habit is."""
        self.add(True, at, flags, data, self.client_ack, tuple(tricks.items()))
        self.high = max(self.high, at + len(data))
        if believed:
            for position in range(at, at + len(data)):
                self.got[position] = True
            while self.edge in self.got:
                self.edge += 1
        if self.acks == "each" or self.acks == "some" and self.rng.random() < 0.4:
            self.acknowledge()

    def acknowledge(self):
        self.add(False, self.server_at, ACK, b"", self.edge)

    def answer(self, data, acked=True):
        self.add(False, self.server_at, ACK | PSH, data, self.edge)
        self.server_at += len(data)
        if acked:
            self.client_ack = self.server_at
            self.add(True, self.edge, ACK, b"", self.client_ack)


def cuts(rng, size):
    """[(start, end)] that cover 0 to size."""
    kind = rng.randrange(5)
    if kind == 0 and size <= 700:
        places = range(1, size)
    elif kind == 1:
        places = []
    else:
        places = sorted({rng.randrange(1, size) for _ in range(rng.choice((1, 1, 2, 4, 9)))}) if size > 1 else []
    edges = [0, *places, size]
    return [piece for a, b in zip(edges, edges[1:]) for piece in ((i, min(i + 1400, b)) for i in range(a, b, 1400))]


COATS = ("hop", "destination", "routing", "ah", "mobility", "atomic", "hop+destination", "+".join(["destination"] * 9), "atomic+destination",
         "ipip", "gre", "vxlan", "geneve", "pppoe", "mpls", "snap", "tags")
# Tricks that make a server ignore a segment, or that may (then the decoy counts as not believed).
IGNORED = (
    {"bad_checksum": True}, {"ttl": 1}, {"ttl": 1}, {"flags": 0}, {"flags": PSH}, {"flags": SYN | ACK}, {"flags": SYN}, {"flags": SYN | FIN}, {"flags": FIN | PSH | URG}, {"stamp": -900_000},
    {"options": b"\x13\x12" + bytes(16)}, {"ip_options": b"\x83\x07\x04\x01\x02\x03\x04"}, {"ip_options": b"\1\1\1\1"}, {"isn": 1 << 31}, {"isn": -100_000}, {"isn": 1 << 20}, {"ack_shift": 90_000},
    {"ack_shift": -(1 << 30)}, {"offset_words": 4}, {"offset_words": 15}, {"flags": RST | ACK}, {"flags": RST}, {"flags": ACK | URG, "urgent": 2}, {"stamp": None}, {"reserved": 15}, {"options": b"\x1e\x08" + bytes(6)},
    {"options": b"\x05\x0a" + bytes(8)}, {"options": b"\x00"}, {"options": b"\x08\x0a\0\0\0\1\0\0\0\0"}, {"options": b"\x08\x03\0"}, {"padding": 7}, {"window": 0}, {"pieces": 8}, {"pieces": 24}, {"pieces": -16}, {"pieces": -32}, {"pieces": 64}, {},
    *({"coat": coat} for coat in COATS),
)


def decoy(builder, rng, at, data, trick):
    trick = dict(trick)
    flags, shift = trick.pop("flags", ACK | PSH), trick.pop("ack_shift", 0)
    if shift:
        builder.add(True, at, flags, data, builder.client_ack + shift, tuple(trick.items()))
    else:
        builder.client(at, data, flags, believed=not trick and flags == ACK | PSH and rng.random() < 0.5, **trick)


def nuisance(builder, rng):
    """A segment without meaning for the stream, which may make a device lose it."""
    at, kind = rng.choice((builder.edge, builder.high)), rng.randrange(12)
    if kind < 3:
        builder.add(True, at + rng.choice((0, 0, 0, 1, -1, 100)), rng.choice((RST, RST | ACK)), rng.choice((b"", b"", b"x")), builder.client_ack,
                    tuple(rng.choice(({}, {"ttl": 1}, {"bad_checksum": True}, {"stamp": -900_000})).items()))
    elif kind < 5:
        builder.add(True, at + rng.choice((0, 0, 1, 5, -1)), FIN | ACK, rng.choice((b"", b"xx")), builder.client_ack, tuple(rng.choice(({}, {"ttl": 1}, {"bad_checksum": True})).items()))
    elif kind < 7:
        builder.add(True, rng.choice((-1, at - 1, at + 5000)), SYN, rng.choice((b"", http_cases.hidden(rng))), rng.choice((None, builder.client_ack)), tuple(rng.choice(({}, {"isn": 777_777})).items()))
    elif kind == 7:
        builder.add(False, builder.server_at, rng.choice((RST, RST | ACK, FIN | ACK)), b"", builder.edge, (("ttl", 1),))
    elif kind == 8:
        builder.add(False, -1, SYN | ACK, b"", rng.choice((0, builder.edge, 9)), tuple(rng.choice(({}, {"isn": 4242})).items()))
    elif kind == 9:
        builder.add(True, at - 1, ACK, rng.choice((b"", b"\0")), builder.client_ack)
    elif kind == 10:
        builder.add(True, -1, SYN, b"", None, (("isn", 500_000),))
        builder.add(False, -1, SYN | ACK, b"", 500_000, (("isn", 900_000),))
        if rng.random() < 0.5:
            builder.add(True, 0, ACK, b"", 900_000, (("isn", 500_000),))
    else:
        builder.add(True, at, ACK, b"", builder.client_ack, (("window", 0),))


def handshake(builder, rng):
    kind = rng.randrange(12)
    if kind == 0:  # data in the SYN, the rest from behind or from its begin
        builder.add(True, -1, SYN, http_cases.hidden(rng), None, rng.choice(((), (("options", b"\x22\x0a" + bytes(8)),))))
        builder.add(False, -1, SYN | ACK)
        builder.add(True, 0, ACK)
    elif kind == 1:  # split handshake
        builder.add(True, -1, SYN, b"", None)
        builder.add(False, -1, SYN, b"", None)
        builder.add(True, -1, SYN | ACK)
        builder.add(False, 0, ACK)
    elif kind == 2:  # two SYNs, the server takes the first or the second
        builder.add(True, -1, SYN, b"", None)
        builder.add(True, -1, SYN, b"", None, (("isn", rng.choice((1, 100, -7))), ("ttl", rng.choice((1, 64)))))
        builder.add(False, -1, SYN | ACK, b"", rng.choice((0, 0, 100)))
        builder.add(True, 0, ACK)
    elif kind == 3:  # no third packet
        builder.add(True, -1, SYN, b"", None)
        builder.add(False, -1, SYN | ACK)
    elif kind == 4:
        pass
    elif kind == 5:  # the client alone
        builder.add(True, -1, SYN, b"", None)
        builder.add(True, 0, ACK)
    else:
        builder.handshake()


ANSWERS = (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"x" * 500,
           b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", b"x")


def another_life(builder, rng):
    """The same ports again, while the connection of before is open, half closed or closed, with or without the server's part in it."""
    end = rng.randrange(5)
    if end == 0:
        builder.add(True, builder.edge, FIN | ACK, b"", builder.client_ack)
    elif end == 1:
        builder.add(True, builder.edge, RST | ACK, b"", builder.client_ack, rng.choice(((), (("ttl", 1),))))
    elif end == 2:
        builder.client(builder.high, http_cases.hidden(rng)[:rng.choice((3, 20, 36))])  # a head that has begun
    elif end == 3:
        builder.add(False, builder.server_at, FIN | ACK, b"", builder.edge)
    before = (builder.shifts, builder.edge, builder.server_at, builder.client_ack, builder.high)
    builder.rebirth(rng.choice((1, 100, 70_000, 500_000, -50, 1 << 30, -(1 << 30))), rng.choice((1, 64_000, 1 << 29, -900)))
    if rng.random() < 0.7:
        builder.handshake()
    else:
        handshake(builder, rng)
    if rng.random() < 0.3:  # a late segment of the life before
        now, builder.shifts = builder.shifts, before[0]
        builder.add(True, before[4], ACK | PSH, http_cases.hidden(rng), before[3])
        builder.shifts = now


def far_case(rng, legal):
    """A body longer than an unscaled window, in any order; its end, with the next request behind it, may come first."""
    builder = Builder(rng, rng.choice(("each", "some", "never")))
    scale = (("options", b"\2\4\5\xb4\1\3\3\x0e"),)
    builder.add(True, -1, SYN, ack=None, tricks=scale)
    builder.add(False, -1, SYN | ACK, tricks=scale)
    builder.add(True, 0, ACK)
    builder.add(False, 0, ACK)  # the first window that is scaled
    size = rng.choice((300, 1500, 20_000, 70_000, 200_000))
    head = b"POST /_bulk HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\nContent-Length: %d\r\n\r\n" % size
    body = (b'{"index":{}}\n' * (size // 12))[:size - 40]
    body += (b"\r\n" + http_cases.hidden(rng)).rjust(size - len(body), b"\n")[:size - len(body)]
    tail = http_cases.legal(rng) if legal else http_cases.hidden(rng)
    stream = head + body + tail
    builder.client(0, head)
    rest = [(start, min(start + 1400, len(stream))) for start in range(len(head), len(stream), 1400)]
    order = rng.randrange(3)
    if order == 0:
        rest.insert(0, rest.pop())
    elif order == 1:
        rng.shuffle(rest)
    for start, end in rest:
        builder.client(start, stream[start:end])
    if not legal:
        for _ in range(rng.randrange(4)):  # again, at other borders and with other bytes
            start = rng.randrange(len(stream))
            data = stream[start:start + 1400]
            builder.client(start, data if rng.random() < 0.5 else bytes(reversed(data)), believed=False)
        builder.client(max(0, len(stream) - 1000), stream[-1000:])
    return Case("legal/far" if legal else "attack/far", legal, builder.ops, stream, isn=rng.choice((rng.randrange(1 << 32), (1 << 32) - rng.randrange(1, size))), server_isn=rng.randrange(1 << 32),
                v6=rng.random() < 0.2, stamps=rng.random() < 0.5)


def attack_case(rng, streams=None):
    """`streams`: material to choose from besides what is composed."""
    if rng.random() < 0.02:
        return far_case(rng, legal=False)
    paired = rng.random() < 0.45
    if paired:
        stream, other = http_cases.pair(rng)
    else:
        stream = rng.choice(streams) if streams and rng.random() < 0.2 else http_cases.attack(rng)
        other = bytes(rng.choice(stream) for _ in stream) if rng.random() < 0.3 else http_cases.legal(rng)[:len(stream)].ljust(len(stream), b"a")
    builder = Builder(rng, rng.choice(("each", "some", "never", "each")))
    if rng.random() < 0.75:
        builder.handshake()
    else:
        handshake(builder, rng)
    shift = 0
    if rng.random() < 0.25:  # behind requests that were allowed, and answered, or whose answer is still in flight
        first = b"".join(http_cases.legal(rng) for _ in range(rng.choice((1, 1, 1, 2, 20))))
        for start in range(0, len(first), 1400):
            builder.client(start, first[start:start + 1400])
        builder.edge = shift = len(first)
        builder.answer(rng.choice(ANSWERS), acked=rng.random() < 0.7)
    if rng.random() < 0.12:
        another_life(builder, rng)
        shift = 0
    pieces = [(start, end, stream, None) for start, end in cuts(rng, len(stream))]
    if paired or rng.random() < 0.4:
        for _ in range(rng.choice((1, 1, 2, 3, 6))):
            start = rng.randrange(len(stream))
            end = min(len(stream), start + rng.choice((1, 2, 8, 30, 200, len(stream))))
            start, end = (0, len(stream)) if rng.random() < 0.2 else (start, end)
            source = other if rng.random() < 0.8 else stream
            pieces.insert(rng.randrange(len(pieces) + 1), (start, end, source, rng.choice(IGNORED) if source is other else None))
        if rng.random() < 0.3:
            pieces += [(start, end, stream, None) for start, end in cuts(rng, len(stream))]
        if rng.random() < 0.2:  # the decoy first, all of it
            pieces[:0] = [(start, end, other, rng.choice(IGNORED)) for start, end in cuts(rng, len(stream))]
    order = rng.randrange(5)
    if order == 0:
        rng.shuffle(pieces)
    elif order == 1:
        pieces.reverse()
    elif order == 2:
        i = rng.randrange(len(pieces))
        pieces.append(pieces.pop(i))
    for start, end, source, trick in pieces:
        if rng.random() < (0.15 if len(pieces) < 30 else 0.01):
            nuisance(builder, rng)
        if rng.random() < (0.06 if len(pieces) < 30 else 0.005):
            builder.answer(rng.choice(ANSWERS), acked=rng.random() < 0.5)
        if trick is None and rng.random() < 0.04:
            decoy(builder, rng, shift + start, source[start:end], rng.choice(IGNORED))
        elif trick is None:
            builder.client(shift + start, source[start:end])
        else:
            decoy(builder, rng, shift + start, source[start:end], trick)
    if rng.random() < 0.4:
        builder.answer(rng.choice(ANSWERS))
        builder.client(shift, stream[:1400])
    if rng.random() < 0.3:
        builder.client(shift + len(stream), b"", FIN | ACK)
    vlan = rng.choice(((),) * 8 + ((0,), (5, 6), (1, 2, 3)))
    return Case("attack/" + ("pair" if paired else "stream"), False, builder.ops, stream, isn=rng.choice((rng.randrange(1 << 32), (1 << 32) - rng.randrange(1, 300))), server_isn=rng.randrange(1 << 32),
                v6=rng.random() < 0.2, stamps=rng.random() < 0.5, vlan=vlan, begin=shift)


def close(builder, rng, at, half):
    """How a connection whose client has said `at` bytes ends; `half`: its FIN is among them."""
    if half:
        builder.add(False, builder.server_at, FIN | ACK, b"", at)
        builder.add(True, at, ACK, b"", builder.server_at + 1)
        return "closed"
    end = rng.randrange(6)
    if end == 0:
        builder.client(at, b"", FIN | ACK)
        builder.add(False, builder.server_at, FIN | ACK, b"", at + 1)
        builder.add(True, at + 1, ACK, b"", builder.server_at + 1)
    elif end == 1:
        builder.add(False, builder.server_at, FIN | ACK, b"", at)
        builder.add(True, at, FIN | ACK, b"", builder.server_at + 1)
        builder.add(False, builder.server_at + 1, ACK, b"", at + 1)
    elif end == 2:
        builder.add(True, at, RST | ACK, b"", builder.client_ack)
    elif end == 3:  # both at once
        builder.add(True, at, FIN | ACK, b"", builder.server_at)
        builder.add(False, builder.server_at, FIN | ACK, b"", at)
        builder.add(True, at + 1, ACK, b"", builder.server_at + 1)
        builder.add(False, builder.server_at + 1, ACK, b"", at + 1)
    elif end == 4:
        builder.add(False, builder.server_at, RST, b"", None)
    else:
        return "open"
    return "closed"


def legal_case(rng):
    """Odd but legal: it must leave whole."""
    if rng.random() < 0.02:
        return far_case(rng, legal=True)
    requests = [http_cases.legal(rng) for _ in range(rng.choice((1, 1, 1, 2, 3, 12)))] if rng.random() < 0.97 else [http_cases.short(rng)] * 50
    expect = rng.random() < 0.1
    if expect:
        requests.append(http_cases.legal(rng, expect=True))
    builder = Builder(rng, rng.choice(("each", "some", "never")))
    if rng.random() < 0.1:
        builder.add(True, -1, SYN, ack=None)
    builder.handshake(rng.choice((b"", b"", b"\2\4\5\xb4\4\2\1\3\3\7", b"\2\4\5\xb4\x22\2")))  # with window scaling, SACK; asking for a Fast Open cookie
    strict, at = True, 0
    whole = rng.random() < 0.4
    big = []
    groups = [b"".join(requests[:-1] if expect else requests)] if whole else requests[:-1] if expect else requests
    for group in groups:
        if not group:
            continue
        part = [(at + start, group[start:end]) for start, end in cuts(rng, len(group))]
        kind = rng.randrange(6)
        reordered = kind == 0 and len(part) > 1
        late = [0] * len(part)
        if reordered:
            strict = False
            reorder = rng.choice((3, 300))
            order = sorted(range(len(part)), key=lambda place: place + rng.random() * reorder)
            part, late = [part[place] for place in order], [min(0, place - now) * 10 for now, place in enumerate(order)]
        elif kind == 1:  # retransmissions, the same or packed anew
            for _ in range(rng.randrange(1, 4)):
                i = rng.randrange(len(part))
                start = part[i][0] - rng.randrange(0, min(40, part[i][0] - at) + 1)
                end = part[i][0] + len(part[i][1])
                part.insert(i + 1, (start, group[start - at:end - at]))
        elif kind == 2 and 1 < len(part) < 300:  # one is lost in front of the appliance and comes again when the others are there
            strict, reordered = False, True
            late = [0] * len(part)
            i = rng.randrange(len(part) - 1)
            part.append(part.pop(i))
        elif kind == 3 and len(part[-1][1]) > 600:  # too big for a router behind the appliance
            start, data = part.pop()
            big.append(start)
            part += [(start, data)] + [(start + i, data[i:i + 256]) for i in range(0, len(data), 256)]
            late = [0] * len(part)
        for number, (start, data) in enumerate(part):
            if reordered:
                builder.client(start, data, stamp=late[number])  # a segment that was overtaken carries an older time stamp
                continue
            if start in big and len(data) > 600:
                builder.client(start, data, believed=False)
                builder.add(True, start, ACK | PSH, data, builder.client_ack, (("too_big", 296 if rng.random() < 0.5 else 1280),))
                continue
            builder.client(start, data)
            kind = rng.randrange(30)
            if kind == 4:
                builder.add(False, builder.server_at, ACK, b"", builder.edge, (("options", b"\1\1\5\x0a" + struct.pack("!II", builder.edge % wire.MODULUS, (builder.edge + 9) % wire.MODULUS)),))
            if kind == 0 and strict and builder.edge > 0:
                builder.add(True, builder.edge - 1, ACK, rng.choice((b"", b"\0")) if builder.ops[-1].client is False else b"", builder.client_ack)
            elif kind == 1:
                builder.add(True, builder.edge, ACK, b"", builder.client_ack, (("window", 0),))
                builder.add(False, builder.server_at - 1, ACK, b"", builder.edge)
            elif kind == 2:
                builder.add(True, builder.edge, ACK | wire.ECE, b"", builder.client_ack)
            elif kind == 3:
                builder.add(False, builder.server_at, ACK, b"", builder.edge)
        at += len(group)
    half = not expect and rng.random() < 0.1  # the client has nothing more to say; the server still answers
    if half:
        builder.client(at, b"", FIN | ACK)
        builder.edge = at = at + 1
        builder.acknowledge()
    heads = [request.lstrip(b"\r\n").startswith(b"HEAD") for request in (requests[:-1] if expect else requests)]
    for head in heads:
        builder.answer(rng.choice((b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n" + (b"" if head else b"abc"), b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
                                   b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"" if head else b"3\r\nabc\r\n0\r\n\r\n"))))
    if expect:
        head, body = requests[-1].split(b"\r\n\r\n", 1) if not requests[-1].startswith(b"\r\n") else (b"", b"")
        if head:
            builder.client(at, head + b"\r\n\r\n")
            at += len(head) + 4
            builder.answer(b"HTTP/1.1 100 Continue\r\n\r\n")
            for start, end in cuts(rng, len(body)) if body else ():
                builder.client(at + start, body[start:end])
            at += len(body)
            builder.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            requests.pop()
    ended = close(builder, rng, at, half)
    if strict and rng.random() < 0.15:  # the same ports again
        if ended == "open":  # the client has lost its memory, the server has not: a challenge ACK, a reset for it, and once more (RFC 5961 section 4)
            builder.high = max(builder.high, at)
            far = rng.randrange(1, 1 << 20)
            builder.add(True, builder.high + far - 1, SYN, b"", None)
            builder.add(False, builder.server_at, ACK, b"", at)
            builder.add(True, at, RST, b"", None)
            builder.rebirth(far, rng.randrange(1, 1 << 20))
        else:
            builder.high = max(builder.high, at) + 2
            builder.rebirth(rng.randrange(1, 1 << 20), rng.randrange(1, 1 << 20))
        builder.handshake()
        request = http_cases.legal(rng)
        for start, end in cuts(rng, len(request)):
            builder.client(start, request[start:end])
        builder.edge = len(request)
        builder.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    return Case("legal", True, builder.ops, b"".join(requests), isn=rng.choice((rng.randrange(1 << 32), (1 << 32) - rng.randrange(1, 300))), server_isn=rng.randrange(1 << 32), v6=rng.random() < 0.2,
                stamps=rng.random() < 0.5, vlan=rng.choice(((), (), (), (0,), (5, 6))), strict=strict)
