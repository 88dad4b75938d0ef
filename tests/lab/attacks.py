"""The attack set by families. Each attack is one connection that wants the database to execute a request without credentials.

Where it can, the request is `DELETE /probe/_doc/N`: whether it was executed is then also seen by the document that is gone.
"""
import base64
import dataclasses
import functools
import itertools
import random
import struct

import corpus
import http_cases
import tcp_cases
import wire
from wire import ACK, FIN, PSH, RST, SYN, URG

OUTER = http_cases.OUTER + b"\r\n"
FAST_OPEN = b"\x22\x02"  # RFC 7413: the option, without a cookie
# Connections numbered from here on come from the policy's zones of those who may only read, and of those whose credentials are checked.
READERS, VERIFIED = 1 << 23, 1 << 22
RIGHT = b"Basic b3duZXI6bm90LWEtcmVhbC1zZWNyZXQ="  # owner:not-a-real-secret


@dataclasses.dataclass
class Attack:
    name: str
    case: tcp_cases.Case
    probe: int | None = None  # the document that the attack wants deleted


class Family:
    """Collects attacks; `probe` numbers go on through all families."""
    numbers = itertools.count()

    def __init__(self, name):
        self.name, self.attacks = name, []
        self.zone = 0
        self.cookies = False  # the server answers every SYN by a cookie and remembers none of them

    def harmful(self, request):
        """Is it what this family must not get executed?"""
        if self.zone == READERS:
            return request.method == "DELETE"
        if self.zone == VERIFIED:
            return request.credentials != (RIGHT,)
        return not request.authorised

    def add(self, name, build, stream=None, probe=None, begin=0, **options):
        """`build(builder)` writes the script; each attack is made for IPv4 and IPv6 and with and without time stamps in turn."""
        number = len(self.attacks)
        builder = tcp_cases.Builder(random.Random(number), options.pop("acks", "each"))
        build(builder)
        options = {"v6": number % 3 == 2, "stamps": number % 2 == 1, "isn": (1000, 0xFFFFFFF0, 0x7FFFFFE0)[number % 3], **options}
        self.attacks.append(Attack(name, tcp_cases.Case(self.name, False, builder.ops, stream, begin=begin, **options), probe))

    def http(self, name, stream, probe=None, places=(), **options):
        """A stream over a well-behaved connection."""
        case = corpus.connection(stream, places)
        number = len(self.attacks)
        case = dataclasses.replace(case, kind=self.name, v6=number % 4 == 3, stamps=number % 2 == 1, **options)
        self.attacks.append(Attack(name, case, probe))

    def pair(self):
        """(number of the document, request without credentials, the same with them, of equal length, and where they differ)"""
        probe = next(self.numbers)
        real = b"DELETE /probe/_doc/%07d HTTP/1.1\r\nHost: x\r\nX-Harmless-He: Basic YTpi\r\nAccept: */*\r\n\r\n" % probe
        return probe, real, real.replace(b"X-Harmless-He", b"Authorization"), real.index(b"X-Harmless-He")


def handshake(builder):
    builder.handshake()


def segments(builder, pieces, **tricks):
    for at, data in pieces:
        builder.client(at, data, **tricks)


# ---- TCP ----

def order(family):
    for name, places in (("whole", lambda n: []), ("one-byte segments", lambda n: list(range(1, n))), ("cut before the last byte", lambda n: [n - 1]),
                         ("cut in the header's name", lambda n: [40, 47]), ("three pieces", lambda n: [n // 3, n // 2])):
        for shuffled in ("in order", "in reverse", "shuffled", "first last"):
            for variant in range(3):
                probe, real, _, _ = family.pair()
                edges = [0, *places(len(real)), len(real)]
                pieces = [(a, real[a:b]) for a, b in zip(edges, edges[1:])]
                if shuffled == "in reverse":
                    pieces.reverse()
                elif shuffled == "shuffled":
                    random.Random(probe).shuffle(pieces)
                elif shuffled == "first last":
                    pieces.append(pieces.pop(0))
                family.add(f"{name}, {shuffled}", lambda b: (b.handshake(), segments(b, pieces)), real, probe, acks=("each", "never", "some")[variant])


def overlaps(family):
    shapes = {
        "exact": lambda p, n: ((p, p + 13), (p, p + 13)), "covered": lambda p, n: ((p, p + 13), (p - 4, p + 20)), "inside": lambda p, n: ((p - 4, p + 20), (p, p + 13)),
        "front": lambda p, n: ((p, p + 20), (p - 4, p + 13)), "tail": lambda p, n: ((p - 4, p + 13), (p, p + 20)), "by the filler": lambda p, n: ((p, p + 13), (0, p + 13)),
        "to the end": lambda p, n: ((p, n), (p - 8, n)), "of one byte": lambda p, n: ((p, p + 13), (p + 1, p + 2)), "from the first byte": lambda p, n: ((0, p + 13), (0, n)),
    }
    for (name, shape), swapped, hole, acks in itertools.product(shapes.items(), (False, True), ("filled at the end", "none"), ("each", "never")):
        probe, real, decoy, at = family.pair()
        first, second = shape(at, len(real))
        sources = (decoy, real) if swapped else (real, decoy)

        def build(builder):
            builder.handshake()
            if hole == "none":
                builder.client(0, real[:first[0]] or real[:1])
            builder.client(first[0], sources[0][slice(*first)])
            builder.client(second[0], sources[1][slice(*second)])
            if hole != "none":
                builder.client(0, real[:min(first[0], second[0]) or 4])
            end = max(first[1], second[1])
            builder.client(end, real[end:])
        family.add(f"{name}, {'decoy' if swapped else 'real'} first, hole {hole}", build, real, probe, acks=acks)


def decoys(family):
    for trick in tcp_cases.IGNORED:
        for plan in ("decoy whole", "decoy of the name", "real with the trick first", "decoy between", "decoy behind"):
            probe, real, decoy, at = family.pair()

            def build(builder):
                rng = builder.rng
                builder.handshake()
                if plan == "decoy whole":
                    tcp_cases.decoy(builder, rng, 0, decoy, trick)
                    builder.client(0, real)
                elif plan == "decoy of the name":
                    builder.client(0, real[:at])
                    tcp_cases.decoy(builder, rng, at, decoy[at:at + 13], trick)
                    segments(builder, [(at, real[at:at + 13]), (at + 13, real[at + 13:])])
                elif plan == "real with the trick first":
                    builder.client(0, real[:at])
                    tcp_cases.decoy(builder, rng, at, real[at:at + 13], trick)
                    segments(builder, [(at, decoy[at:at + 13]), (at + 13, real[at + 13:])])
                elif plan == "decoy between":
                    builder.client(at + 13, real[at + 13:])
                    tcp_cases.decoy(builder, rng, at, decoy[at:at + 13], trick)
                    builder.client(0, real)
                else:
                    segments(builder, [(0, real[:at]), (at, real[at:-1])])
                    tcp_cases.decoy(builder, rng, 0, decoy, trick)
                    builder.client(len(real) - 1, real[-1:])
            family.add(f"{plan}: {trick or 'no trick'}", build, real, probe)


def states(family):
    """What may make a device lose the connection, or believe that it ended or began anew."""
    good = b"GET / HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\n"
    nuisances = []
    for flags, name in ((RST, "RST"), (RST | ACK, "RST ACK"), (FIN | ACK, "FIN"), (SYN, "SYN"), (SYN | ACK, "SYN ACK"), (SYN | FIN, "SYN FIN"), (0, "null"), (FIN | PSH | URG, "Christmas tree"), (ACK, "ACK")):
        for trick in ({"ttl": 1}, {"bad_checksum": True}, {"isn": 1}, {"isn": 100_000}, {"isn": -5000}, {"ack_shift": 90_000}, {"ttl": 1, "data": b"xx"}):
            nuisances.append((f"{name} {trick}", flags, trick))
    for name, flags, trick in nuisances:
        for behind in (False, True):
            probe, real, _, _ = family.pair()
            start = len(good) if behind else 0

            def build(builder):
                builder.handshake()
                if behind:
                    builder.client(0, good)
                    builder.answer(b"?")
                tricks = dict(trick)
                data, shift = tricks.pop("data", b""), tricks.pop("ack_shift", 0)
                builder.client(start, real[:30])
                builder.add(True, start + 30, flags, data, shift, tuple(tricks.items()))
                builder.client(start + 30, real[30:])
            family.add(f"{name}{', behind an allowed request' if behind else ''}", build, real, probe, begin=start)
    for end in (RST | ACK, FIN | ACK):
        for count in range(3):
            probe, real, decoy, _ = family.pair()

            def build(builder):
                builder.handshake()
                builder.client(0, good)
                builder.answer(b"?")
                builder.add(True, len(good), end, b"", 0)
                builder.add(False, 0, ACK, b"", 0)
                if end & FIN:
                    builder.add(False, 0, FIN | ACK, b"?", 0)
                    builder.add(True, len(good) + 1, ACK, b"", 0)
                builder.rebirth(200_000, 0)
                builder.handshake()
                segments(builder, [(0, real[:20]), (20, real[20:])] if count == 1 else [(0, real)])
            family.add(f"the same ports again after {'RST' if end & RST else 'FIN'}", build, real, probe)
    for name, places in (("no handshake", ()), ("no third packet", (SYN,))):
        probe, real, _, _ = family.pair()

        def build(builder):
            if places:
                builder.add(True, -1, SYN, b"", None)
                builder.add(False, -1, SYN | ACK)
            builder.client(0, real)
        family.add(name, build, real, probe)
    for shift in (-1, 1, 60_000, 70_000):
        probe, real, _, _ = family.pair()
        family.add(f"a byte at {shift} first", lambda b: (b.handshake(), b.client(shift, b"x"), b.client(0, real)), real, probe)


def cookies(family):
    """A server that remembers no SYN takes up each of several handshakes: which one does the device believe?"""
    family.cookies = True
    for shift in (1, 2, 10, 30, 41, 60, 83, 84, 85, 200, 1400, -1, -10, -30, -84, -200, 100_000):
        for plan in ("second SYN", "second SYN that expires", "second one finished, and that expires", "second one finished", "second one finished and reset", "data on the second expires"):
            probe, real, decoy, _ = family.pair()
            expires = {"ttl": 1} if "expires" in plan else {}
            other = {"isn": shift}

            def build(builder):
                def pause():
                    builder.add(False, 0, ACK, b"", 1 << 30)
                builder.add(True, -1, SYN, ack=None)
                builder.add(False, -1, SYN | ACK)
                builder.add(True, -1, SYN, b"", None, tuple({"isn": shift, **(expires if plan == "second SYN that expires" else {})}.items()))
                pause()
                pause()
                if "finished" in plan or "data" in plan:
                    builder.add(True, 0, ACK, b"", 0, tuple({**other, **expires}.items()))
                if "data" in plan:
                    builder.add(True, 0, ACK | PSH, decoy, 0, tuple({**other, **expires}.items()))
                if "reset" in plan:
                    builder.add(True, 0, RST, b"", 0, tuple(other.items()))
                pause()
                builder.add(True, 0, ACK)
                builder.client(0, real)
            family.add(f"{plan}, {shift} further", build, real, probe, acks="never")
    states(family)


def syn_data(family):
    for options, name in ((b"", "no option"), (FAST_OPEN, "fast open"), (b"\x22\x0a" + bytes(8), "a made-up cookie")):
        for size in (None, 10, 50):
            for plan in ("rest behind", "again from the begin", "nothing more"):
                probe, real, decoy, _ = family.pair()
                early = real[:size]

                def build(builder):
                    builder.add(True, -1, SYN, early, None, (("options", b"\2\4\5\xb4" + options),))
                    builder.add(False, -1, SYN | ACK)
                    builder.add(True, 0 if plan != "rest behind" else len(early), ACK)
                    if plan == "rest behind":
                        builder.client(len(early), real[len(early):] or b"\r\n")
                    elif plan != "nothing more":
                        builder.client(0, decoy if size is None else real)
                family.add(f"{name}, {size or 'all'} bytes, {plan}", build, real, probe, stamps=False)


def urgent(family):
    for pointer, junk in itertools.product((1, 2, 3, 10, 65535), (b"", b"X")):
        for behind in (0, 20):
            probe, real, decoy, at = family.pair()

            def build(builder):
                builder.handshake()
                if behind:
                    builder.client(0, real[:behind])
                data = real[behind:behind + max(0, pointer - 1)] + junk + real[behind + max(0, pointer - 1):]  # the byte before the pointer is taken out of line
                builder.client(behind, data[:1400], ACK | PSH | URG, urgent=pointer)
            family.add(f"pointer {pointer}{' with a byte too many' if junk else ''}", build, real, probe)
    probe, real, decoy, at = family.pair()
    # Read with the urgent byte it is a header line with credentials; the server reads it without.
    inline = real[:at] + b"Authorization: Basic YTpi\r\n" + real[at + 28:]
    family.add("credentials by an urgent byte", lambda b: (b.handshake(), b.client(0, inline[:at]), b.client(at, b"A", ACK | PSH | URG, urgent=1), b.client(at + 1, inline[at + 1:])), inline, probe)


# ---- IP ----

def v4_fragments(frame, edges, order, duplicate=False, overlap=None):
    """IPv4 fragments of a frame, cut behind its IP header at multiples of eight."""
    packet = frame[14:]
    payload, identifier = packet[20:], int.from_bytes(packet[24:28], "big") & 0xFFFF
    edges = [0, *[edge for edge in edges if edge < len(payload)], len(payload)]
    pieces = [(a, payload[a:b], b < len(payload)) for a, b in zip(edges, edges[1:])]
    if overlap:
        pieces.insert(1, overlap)
    if duplicate:
        pieces += pieces[:1]
    pieces = pieces[::-1] if order == "reverse" else pieces
    return [wire.link(wire.ip_packet(packet[12:16], packet[16:20], data, identifier=identifier, fragment=(0x2000 if more else 0) | at // 8)) for at, data, more in pieces]


def v6_headers(frame, headers):
    """Extension headers [(number, body without its first byte)] between IPv6 and TCP."""
    packet = frame[14:]
    chain, following = b"", 6
    for number, body in reversed(headers):
        chain, following = bytes([following]) + body + chain, number
    return [wire.link(wire.ip_packet(packet[8:24], packet[24:40], chain + packet[40:], protocol=following))]


def v6_fragments(frame, size):
    packet = frame[14:]
    payload = packet[40:]
    return [wire.link(wire.ip_packet(packet[8:24], packet[24:40], struct.pack("!BBHI", 6, 0, at | (at + size < len(payload)), 7) + payload[at:at + size], protocol=44))
            for at in range(0, len(payload), size)]


def tunnel(frame, kind):
    return [wire.link(wire.ip_packet(frame[26:30], frame[30:34], (b"\0\0\x08\0" if kind == 47 else b"") + frame[14:], protocol=kind))]


def ip(family):
    def add(name, reshape, v6, tail=b"", **tricks):
        probe, real, _, _ = family.pair()
        tricks = {**tricks, **({"reshape": reshape} if reshape else {})}
        family.add(name, lambda b: (b.handshake(), b.client(0, real, **tricks)), b"" if reshape or tricks else real, probe, v6=v6, stamps=False)

    for edges, direction in itertools.product(([8], [16], [24], [32], [64], list(range(8, 200, 8)), [24, 96]), ("forward", "reverse")):
        add(f"fragments at {edges[:4]} {direction}", functools.partial(v4_fragments, edges=edges, order=direction), False)
    add("a fragment twice", functools.partial(v4_fragments, edges=[24, 64], order="forward", duplicate=True), False)
    for shift in (8, 16):
        add(f"overlapping fragments {shift}", functools.partial(v4_fragments, edges=[48], order="forward", overlap=(48 - shift, b"Z" * shift, True)), False)
    for size in (8, 24, 48, 64):
        add(f"IPv6 fragments of {size}", functools.partial(v6_fragments, size=size), True)
    add("atomic fragment", functools.partial(v6_headers, headers=[(44, b"\0" * 7)]), True)
    pad = b"\0\1\4\0\0\0\0"
    for name, headers in (("hop by hop", [(0, pad)]), ("destination options", [(60, pad)]), ("ten destination options", [(60, pad)] * 10), ("hop by hop, destination", [(0, pad), (60, pad)]),
                          ("routing header", [(43, b"\0\0\0\0\0\0\0")]), ("fragment and options", [(60, pad), (44, b"\0" * 7)]), ("authentication header", [(51, b"\1" + bytes(10))])):
        add(name, functools.partial(v6_headers, headers=headers), True)
    for name, options in (("NOP options", b"\1\1\1\1"), ("record route", b"\x07\x07\x04\0\0\0\0\0"), ("loose source route", b"\x83\x07\x04\x01\x02\x03\x04"), ("router alert", b"\x94\x04\0\0"),
                          ("end of options", b"\0\0\0\0"), ("time stamp", b"\x44\x0c\x05\0" + bytes(8))):
        add(name, None, False, ip_options=options)
    for vlan in ((0,), (5,), (0, 0)):
        probe, real, _, _ = family.pair()
        family.add(f"VLAN tags {vlan}", lambda b: (b.handshake(), b.client(0, real)), real, probe, v6=False, stamps=False, vlan=vlan)
    for name, kind in (("IP in IP", 4), ("GRE", 47), ("6in4", 41)):
        add(name, functools.partial(tunnel, kind=kind), False)
    for trick in ({"padding": 7}, {"reserved": 15}, {"ttl": 2}, {"ttl": 255}, {"window": 0}, {}):
        add(f"{trick}", None, False, **trick)


# ---- HTTP ----

def delete(family, *, method=b"DELETE", fields=b"", end=b"\r\n"):
    probe = next(family.numbers)
    return probe, method + b" /probe/_doc/%07d HTTP/1.1" % probe + end + b"Host: x" + end + fields + end


def bare(family, rng, count):
    for prefix in http_cases.PREFIXES:
        probe, text = delete(family)
        family.http(f"behind {prefix!r}", prefix + text, probe)
    for end in http_cases.LINE_ENDS:
        probe, text = delete(family, end=end)
        family.http(f"lines end in {end!r}", text, probe)
        probe, text = delete(family)
        family.http(f"one line ends in {end!r}", text.replace(b"HTTP/1.1\r\n", b"HTTP/1.1" + end), probe)
    for blank in http_cases.BLANKS:
        for where in (b" /", b" HTTP"):
            probe, text = delete(family)
            family.http(f"{blank!r} for the blank before {where!r}", text.replace(where, blank + where[1:], 1), probe)
    for version in http_cases.VERSIONS:
        probe, text = delete(family)
        family.http(f"version {version!r}", text.replace(b"HTTP/1.1", version, 1), probe)
    for name, old, new in (("no slash", b" /probe", b" probe"), ("two slashes", b" /probe", b" //probe"), ("dot", b" /probe", b" /./probe"), ("encoded", b"/probe", b"/%70robe"),
                           ("slash encoded", b"/_doc/", b"/_doc%2f"), ("matrix", b"/_doc", b";a=b/_doc"), ("absolute", b" /probe", b" http://x/probe"), ("query", b" HTTP", b"?x=y HTTP"),
                           ("fragment", b" HTTP", b"#x HTTP"), ("trailing slash", b" HTTP", b"/ HTTP"), ("dots", b"/probe", b"/x/../probe"), ("in the query", b" HTTP", b"?Authorization=Basic+YTpi HTTP"),
                           ("user in the URL", b" /probe", b" http://a:b@x/probe"), ("two hosts", b"Host: x", b"Host: x\r\nHost: y"), ("no host", b"Host: x\r\n", b""), ("fold", b"Host: x", b"Host: x\r\n y"),
                           ("first line folded", b"\r\nHost", b"\r\n Host"), ("h2c", b"Host: x", b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
                           ("17 KB", b"Host: x", b"Host: x\r\nA: " + b"a" * 7000), ("101 fields", b"Host: x", b"Host: x" + b"\r\na: b" * 101), ("body", b"Host: x", b"Host: x\r\nContent-Length: 0")):
        probe, text = delete(family)
        family.http(name, text.replace(old, new, 1), probe)
    for _ in range(count):
        stream = http_cases.bare(rng)
        family.http("composed", stream, places=sorted(rng.sample(range(1, len(stream)), rng.choice((0, 0, 1, 3)))))


def credentials(family, rng):
    for text in http_cases.CREDENTIALS:
        if text == b"authorizatioN: bAsIc {}":
            continue
        probe, head = delete(family, fields=text + b"\r\n")
        family.http(f"{text!r}", head, probe)
        probe, head = delete(family, fields=b"X: y\r\n" + text + b"\r\nAccept: */*\r\n")
        family.http(f"{text!r} in the middle", head, probe, places=sorted(rng.sample(range(1, len(head)), 2)))
    for name, stream in (("in the body", b"Content-Length: 27\r\n\r\nAuthorization: Basic YTpi\r\n"), ("in a trailer", b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: Basic YTpi\r\n")):
        probe, text = delete(family, fields=stream)
        family.http(name, text if "trailer" in name else text[:-2], probe)


def smuggling(family, rng, count, inner_fields=b""):
    """An authorised request hides another, without credentials or with `inner_fields`, behind framing that can be read in two ways."""
    def add(name, head, body, after=b""):
        family.http(name, b"POST /probe/_search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + OUTER + head + b"\r\n" + body + after, probe)
    for coding in http_cases.CODINGS:
        probe, inner = delete(family, fields=inner_fields)
        add(f"chunked as {coding!r} against a length", b"Content-Length: %d\r\nTransfer-Encoding: %s\r\n" % (5 + len(inner), coding), b"0\r\n\r\n" + inner)
        probe, inner = delete(family, fields=inner_fields)
        add(f"only {coding!r}", b"Transfer-Encoding: %s\r\n" % coding, b"0\r\n\r\n" + inner)
    for name_of in http_cases.NAMES_OF_CODING:
        probe, inner = delete(family, fields=inner_fields)
        add(f"{name_of!r}: chunked", b"Content-Length: %d\r\n%s: chunked\r\n" % (5 + len(inner), name_of), b"0\r\n\r\n" + inner)
    for name_of in http_cases.NAMES_OF_LENGTH:
        probe, inner = delete(family, fields=inner_fields)
        add(f"{name_of!r}: all of it", name_of + b": %d\r\n" % len(inner), inner)
    for form in http_cases.ODD_NUMBERS:
        probe, inner = delete(family, fields=inner_fields)
        add(f"length as {form!r}", b"Content-Length: " + form % ((len(inner),) * form.count(b"%")) + b"\r\n", inner)
        probe, inner = delete(family, fields=inner_fields)
        add(f"length 0 as {form!r}", b"Content-Length: " + form % ((0,) * form.count(b"%")) + b"\r\n", inner)
    for form in http_cases.SIZES:
        probe, inner = delete(family, fields=inner_fields)
        add(f"chunk size as {form!r}", b"Transfer-Encoding: chunked\r\n", form % ((0,) * form.count(b"%")) + b"\r\n\r\n" + inner)
        probe, inner = delete(family, fields=inner_fields)
        add(f"chunk size as {form!r}, inner in the chunk", b"Transfer-Encoding: chunked\r\n", form % ((len(inner),) * form.count(b"%")) + b"\r\n" + inner + b"\r\n0\r\n\r\n")
    for lengths in ((0, 1), (1, 0), (0, 0)):
        probe, inner = delete(family, fields=inner_fields)
        add(f"lengths {lengths}", b"Content-Length: %d\r\nContent-Length: %d\r\n" % lengths, inner)
    for version in (b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0"):
        probe, inner = delete(family, fields=inner_fields)
        add(f"chunked in {version!r}", b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n" + inner)
    for _ in range(count):
        stream = http_cases.outer(rng)
        family.http("composed", stream, places=sorted(rng.sample(range(1, len(stream)), rng.choice((0, 0, 1, 3)))))


def hidden_deletion(family, rng):
    """Who may only read hides a deletion, with credentials too, behind a search."""
    family.zone = READERS
    smuggling(family, rng, 0, OUTER)
    search = b"GET /probe/_search HTTP/1.1\r\nHost: x\r\n" + OUTER
    for override in (b"X-HTTP-Method-Override: DELETE\r\n", b"X-HTTP-Method: DELETE\r\n", b""):
        probe, inner = delete(family, fields=OUTER + override)
        family.http(f"openly, {override!r}", inner, probe)
        probe, inner = delete(family, fields=OUTER + override)
        family.http(f"behind a search, {override!r}", search + b"\r\n" + inner, probe)
    for text in http_cases.EXPECTATIONS:
        probe, inner = delete(family, fields=OUTER)
        family.http(f"Expect: {text!r}", b"POST /probe/_search HTTP/1.1\r\nHost: x\r\n" + OUTER + b"Content-Length: %d\r\nExpect: " % len(inner) + text + b"\r\n\r\n" + inner, probe)
    for old, new in ((b"/probe/", b"/%70robe/"), (b"/probe/", b"//probe/"), (b"/_doc/", b"//_doc/"), (b"/_doc/", b"/_doc//"), (b"/_doc/", b"/_search/../_doc/"), (b"/_doc/", b"/%5fdoc/"), (b"/_doc/", b"/_create/"),
                     (b"/probe/", b"/%2570robe/"), (b" HTTP", b"?_method=GET HTTP"), (b" HTTP", b"/ HTTP"), (b" HTTP", b"/_search HTTP"), (b"DELETE ", b"DELETE  "), (b" /", b" "), (b"/probe/", b"/*/")):
        probe, inner = delete(family, fields=OUTER)
        family.http(f"{old!r} as {new!r}", inner.replace(old, new, 1), probe)
    for method, decoy in ((b"DELETE", b"OPTION"), (b"DELETE", b"GET   ")):
        probe, real = delete(family, fields=OUTER)
        other = real.replace(method, decoy, 1)
        for trick in ({"ttl": 1}, {"bad_checksum": True}, {"flags": 0}, {"stamp": -900_000}, {}):
            family.add(f"{decoy!r} first with {trick}", lambda b: (b.handshake(), tcp_cases.decoy(b, b.rng, 0, other[:20], trick), b.client(0, real)), real, probe)


def index_deletion(family):
    """Who may only read deletes whole indices."""
    family.zone = READERS
    for index in (b"/probe", b"/prob*", b"/_all", b"/*", b"/probe/", b"//probe", b"/%70robe", b"/probe,probe", b"/*,-x", b"/%2A"):
        family.http(f"DELETE {index!r}", b"DELETE " + index + b" HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\n")


def made_up_credentials(family):
    """Well-formed, and of nobody: where credentials are checked they open nothing, in whatever order they come."""
    family.zone = VERIFIED
    guess = lambda user, password: b"Basic " + base64.b64encode(user + b":" + password)  # noqa: E731
    for value in (b"Basic YTpi", guess(b"owner", b""), guess(b"owner", b"Not-a-real-secret"), guess(b"owner", b"not-a-real-secret\n"), guess(b"OWNER", b"not-a-real-secret"),
                  guess(b"owner", b"not-a-real-secre"), guess(b"owner:", b"not-a-real-secret"), guess(b"owner", b"not-a-real-secret\0"), guess(b"", b"not-a-real-secret"),
                  RIGHT[:-2] + b"V=", b"Bearer " + RIGHT[6:], b"ApiKey " + RIGHT[6:], b"Bearer abc", b"Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvd25lciJ9.", b"ApiKey YTpi", guess(b"x" * 3000, b"y")):
        for places in ((), (30,), (60,)):
            probe, text = delete(family, fields=b"Authorization: " + value + b"\r\n")
            family.http(value[:40].decode(errors="replace"), text, probe, places=places)
    for acks in ("each", "never"):  # while the first is looked at, another comes in its place
        for first in (b"Basic YTpi", RIGHT[:-2] + b"V="):
            probe, text = delete(family, fields=b"Authorization: " + RIGHT[:-3] + b"AA=\r\n")
            other = text.replace(RIGHT[:-3] + b"AA=", first.ljust(len(RIGHT), b"=")[:len(RIGHT)])
            family.add("another while it is checked", lambda b: (b.handshake(), b.client(0, other, believed=False), b.client(0, text, believed=False), b.client(0, other, believed=False)), text, probe, acks=acks)


def expectations(family):
    for text in http_cases.EXPECTATIONS + (b"100-continue\r\nExpect: foo", b"foo\r\nExpect: 100-continue"):
        for size in (None, 1000, 104857601):
            probe, inner = delete(family)
            stream = b"POST /probe/_search HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + OUTER + b"Content-Length: %d\r\nExpect: " % (size or len(inner)) + text + b"\r\n\r\n" + inner
            family.http(f"Expect: {text!r}, length {size or 'right'}", stream, probe)


def pipelining(family, rng, count):
    good = b"GET / HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\n"
    for before in (0, 1, 2, 10):
        for after in (0, 2):
            for cut in (False, True):
                probe, inner = delete(family)
                stream = good * before + inner + good * after
                family.http(f"{before} authorised before, {after} behind", stream, probe, places=[len(good) * before] if cut and before else [])
    for closing in (b"Connection: close\r\n", b"Connection: upgrade\r\nUpgrade: foo\r\n", b"Content-Length: 2\r\n"):
        probe, inner = delete(family)
        family.http(f"behind {closing!r}", good[:-2] + closing + b"\r\n" + (b"{}" if b"Length" in closing else b"") + inner, probe)
    for _ in range(count):
        stream = http_cases.pipelined(rng)
        family.http("composed", stream, places=sorted(rng.sample(range(1, len(stream)), rng.choice((0, 0, 1, 3)))))


def mutated(family, rng, count):
    for _ in range(count):
        stream = http_cases.mutated(rng)
        family.http("composed", stream, places=sorted(rng.sample(range(1, len(stream)), min(len(stream) - 1, rng.choice((0, 0, 1, 3))))))


def foreign(family, rng):
    for _ in range(60):
        family.http("first bytes of another protocol", http_cases.foreign(rng))
    for junk in (b"\x16\x03\x01\x00\xc8\x01\x00\x00", b"SSH-2.0-OpenSSH\r\n", b"*1\r\n$4\r\nINFO\r\n", b"\0\0\0\x08\x04\xd2\x16\x2f", b"\0\0\0", b"\x01\x02\x1f", b"\r\n\r\n\r\n", b" \t "):
        probe, text = delete(family)
        family.http(f"{junk!r} and a request", junk + text, probe)


def of_corpus(family, name, rng, cuts):
    for case in corpus.load(name):
        stream = base64.b64decode(case["request_b64"])
        family.http(case["id"], stream)
        for _ in range(cuts if len(stream) > 1 else 0):
            family.http(case["id"] + " cut", stream, places=[rng.randrange(1, len(stream))])


def composed(family, rng, count):
    for _ in range(count):
        case = tcp_cases.attack_case(rng)
        family.attacks.append(Attack("composed", dataclasses.replace(case, kind=family.name)))


def families(seed, scale):
    """{name: Family}. `scale` multiplies what is composed at random."""
    rng = random.Random(seed)

    def size(count):
        return max(1, int(count * scale))

    plans = {
        "TCP order": order, "TCP overlaps": overlaps, "TCP decoys": decoys, "TCP states": states, "TCP SYN cookies": cookies, "TCP data in SYN": syn_data, "TCP urgent": urgent, "IP": ip,
        "HTTP bare": lambda f: bare(f, rng, size(500)), "HTTP credentials": lambda f: credentials(f, rng), "HTTP smuggling": lambda f: smuggling(f, rng, size(700)),
        "HTTP Expect": expectations, "readers who delete": lambda f: hidden_deletion(f, rng), "readers who delete indices": index_deletion, "made-up credentials": made_up_credentials, "HTTP pipelining": lambda f: pipelining(f, rng, size(250)), "HTTP mutated": lambda f: mutated(f, rng, size(500)),
        "other protocols": lambda f: foreign(f, rng), "random compositions": lambda f: composed(f, rng, size(1500)),
    }
    if corpus.CORPUS.is_dir():
        plans["corpus"] = lambda f: of_corpus(f, "requests.jsonl", rng, 1)
        plans["corpus, authorised outer"] = lambda f: of_corpus(f, "authorised-outer-hidden-inner.jsonl", rng, 1)
    found = {}
    for name, plan in plans.items():
        found[name] = Family(name)
        plan(found[name])
    return found
