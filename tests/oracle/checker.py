"""The oracle: what left towards a service, read in every way a server might, holds no request without credentials.

    python3 tests/oracle/checker.py FORWARDED.pcap --service 198.51.100.10:9200 [--service …]

Per connection the client's bytes are rebuilt from the frames that left, under first-wins and last-wins, with all segments and without each one that
disagrees with another (a server may not have received it), from every sequence base a server may hold, with and without the end a FIN gives; each
stream is then read by every reader of readers.py. A position the server had acknowledged before a segment left is settled.
"""
import argparse
import dataclasses
import pathlib
import sys

import readers
import wire

WINDOW = 1 << 30
STREAMS_MAX = 64


@dataclasses.dataclass
class Connection:
    client: tuple
    server: tuple
    to_server: list = dataclasses.field(default_factory=list)  # (order, Segment)
    to_client: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Violation:
    client: tuple
    reader: str
    what: str
    stream: bytes

    def __str__(self):
        host = ".".join(map(str, self.client[0])) if len(self.client[0]) == 4 else self.client[0].hex(":", 2)
        return f"{host}:{self.client[1]} {self.reader}: {self.what} in {self.stream[:300]!r}"


def connections(frames, services):
    """{client and server: Connection} and what left towards a service that is no plain TCP segment."""
    found, odd = {}, []
    for order, frame in enumerate(frames):
        segment = wire.parse_tcp(frame)
        if segment is None:
            odd += [(client, frame) for client, server in wire.unwrapped(frame) if server in services]
            continue
        if segment.destination in services:
            key = (segment.source, segment.destination)
            found.setdefault(key, Connection(*key)).to_server.append((order, segment))
        elif segment.source in services:
            key = (segment.destination, segment.source)
            found.setdefault(key, Connection(*key)).to_client.append((order, segment))
    return found, odd


def bases(connection):
    """{sequence number at which a server may take the client's stream to begin: since when}: a SYN-ACK, and a segment of the client that acknowledges it."""
    found = {}
    for order, segment in connection.to_client:
        if segment.flags & (wire.SYN | wire.ACK | wire.RST) == wire.SYN | wire.ACK:
            base, expected = segment.acknowledgement, (segment.sequence + 1) % wire.MODULUS
            for later, answer in connection.to_server:
                if later > order and answer.flags & (wire.SYN | wire.RST | wire.ACK) == wire.ACK and answer.acknowledgement == expected \
                        and 0 <= wire.distance(base, answer.sequence) < WINDOW:
                    found[base] = min(later - 1, found.get(base, later))
                    break
    return found


def streams(connection, sent=None):
    """{(bytes, ended by a FIN?)} of all readings of the segments that left. A reset that is not among the frames that were `sent` is the appliance's
    own: it stands beside the server, so at the exact position it ends the stream."""
    found = set()
    for base, since in bases(connection).items():
        pieces, settled, acknowledged = [], 0, [(order, wire.distance(base, s.acknowledgement)) for order, s in connection.to_client
                                                 if order > since and s.flags & wire.ACK]
        at, until = 0, _replaced(connection, base, since)
        for order, segment in connection.to_server:
            if order > until:
                break
            while at < len(acknowledged) and acknowledged[at][0] < order:
                settled, at = max(settled, acknowledged[at][1]) if acknowledged[at][1] < WINDOW else settled, at + 1
            start = wire.distance(base, segment.sequence)
            if order >= since and sent is not None and segment.flags & wire.RST and segment.frame not in sent and start == _reached(pieces):
                break
            if order < since or segment.flags & (wire.SYN | wire.RST):
                continue
            data = segment.payload
            if start < settled:
                data, start = data[settled - start:], settled
            if -WINDOW < start < WINDOW and (data or segment.flags & wire.FIN):
                pieces.append((start, data, bool(segment.flags & wire.FIN)))
        found |= _assemblies(pieces)
    return found


def _replaced(connection, base, since):
    """When a server that had acknowledged bytes after `base` answered another SYN: then it had forgotten this one."""
    confirmed = False
    for order, segment in connection.to_client:
        if order > since and segment.flags & wire.ACK:
            if confirmed and segment.flags & wire.SYN and segment.acknowledgement != base:
                return order
            confirmed |= not segment.flags & (wire.SYN | wire.RST) and 0 < wire.distance(base, segment.acknowledgement) < WINDOW
    return sys.maxsize


def _reached(pieces):
    end, values = 0, _fill(pieces, False)[0]
    while end in values:
        end += 1
    return end


def _assemblies(pieces):
    first, clash = _fill(pieces, False)
    variants = [pieces]
    if clash:
        involved = [i for i, (start, data, _) in enumerate(pieces) if any(start <= position < start + len(data) for position in clash)]
        variants += [pieces[:i] + pieces[i + 1:] for i in involved[:STREAMS_MAX // 2]]
        variants += [sorted(pieces, key=lambda piece: piece[0])]
    result = set()
    for variant in variants:
        for last_wins in (False, True) if clash else (False,):
            values, _ = _fill(variant, last_wins)
            fins = sorted(start + len(data) for start, data, fin in variant if fin)
            end = 0
            buffer = bytearray()
            while end in values:
                buffer.append(values[end])
                end += 1
            result.add((bytes(buffer), end in fins))
            result.update((bytes(buffer[:fin]), True) for fin in fins if fin < end)
    return result


def _fill(pieces, last_wins):
    values, clash = {}, set()
    for start, data, _ in pieces:
        for position, value in enumerate(data, start):
            old = values.get(position)
            if old is None:
                values[position] = value
            elif old != value:
                clash.add(position)
                if last_wins:
                    values[position] = value
    return values, clash


def unauthorised(_client, _server, request):
    return not request.authorised


def check(frames, services, only=None, denies=unauthorised, sent=None):
    """[Violation]. `sent`: as of streams(). `services`: {(packed address, port)}; `only`: readers to use besides the lenient one (all that are there); `denies(client,
    server, request)`: whether the policy denies it."""
    found, odd = connections(frames, services)
    violations = [Violation(client, "wire", "a fragment, an extension header or a tunnel left towards a service", frame) for client, frame in odd]
    texts, owners = [], {}
    for connection in found.values():
        for _, segment in connection.to_server:
            if segment.flags & wire.SYN and segment.payload:
                violations.append(Violation(connection.client, "wire", "a SYN with data left", segment.payload))
            if segment.flags & wire.URG:
                violations.append(Violation(connection.client, "wire", "urgent data left", segment.payload))
        answers = b"".join(segment.payload for _, segment in connection.to_client)
        continued = b" 100 " in answers
        for stream, ended in streams(connection, sent):
            if not stream:
                continue
            for request in readers.lenient(stream, ended, continued):
                if denies(connection.client, connection.server, request):
                    violations.append(Violation(connection.client, "lenient", denied(request), stream))
            if stream not in owners:
                owners[stream] = set()
                texts.append(stream)
            owners[stream].add((connection.client, connection.server))
    everybody, _ = readers.available()
    for name, reader in everybody.items():
        if only is not None and name not in only or not texts:
            continue
        for stream, requests in zip(texts, reader(texts)):
            violations += [Violation(client, name, denied(request), stream) for request in requests for client, server in owners[stream] if denies(client, server, request)]
    return violations


def denied(request):
    return f"{request.method!r} {request.target!r} with {'no' if request.credentials == 'none' else request.credentials} credentials"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forwarded", type=pathlib.Path)
    parser.add_argument("--service", action="append", required=True, metavar="ADDRESS:PORT")
    options = parser.parse_args()
    services = set()
    for service in options.service:
        host, _, port = service.rpartition(":")
        services.add((wire.address(host.strip("[]")), int(port)))
    violations = check([frame for _, frame in wire.read_pcap(options.forwarded)], services)
    for violation in violations:
        print(violation)
    for reason in readers.available()[1].values():
        print("not used:", reason)
    print(f"{len(violations)} violations")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
