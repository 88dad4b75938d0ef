"""Captures read, written and judged without any product code: the independent witness of the replay and live tests.

Only what the tests need: classic pcap files (either byte order, micro- or nanoseconds), Ethernet with VLAN tags, IPv4 and IPv6 without
extension headers, TCP. Standard library only.
"""
import dataclasses
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@dataclasses.dataclass(frozen=True)
class Record:
    time_ns: int
    frame: bytes


def read_pcap(path):
    data = path.read_bytes()
    magic = data[:4]
    for order in "<", ">":
        for number, unit in ((0xA1B2C3D4, 1000), (0xA1B23C4D, 1)):
            if magic == struct.pack(order + "I", number):
                return _records(data, order, unit)
    raise ValueError(f"{path}: no pcap file (it begins with {magic.hex()})")


def _records(data, order, unit):
    at, records = 24, []
    while at < len(data):
        seconds, fraction, kept, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        if len(frame) != kept:
            raise ValueError(f"record at byte {at} is cut short")
        records.append(Record(seconds * 1_000_000_000 + fraction * unit, frame))
        at += 16 + kept
    return records


def pcap_bytes(records, link_type=1, order="<"):
    parts = [struct.pack(order + "IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, link_type)]
    for record in records:
        seconds, nanoseconds = divmod(record.time_ns, 1_000_000_000)
        parts += [struct.pack(order + "IIII", seconds, nanoseconds // 1000, len(record.frame), len(record.frame)), record.frame]
    return b"".join(parts)


def pcapng_bytes(records):
    """One section, one Ethernet interface with nanosecond time stamps (draft-ietf-opsawg-pcapng, sections 4.1 to 4.3)."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        length = len(body) + 12
        return struct.pack("<II", kind, length) + body + struct.pack("<I", length)

    parts = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
             block(1, struct.pack("<HHI", 1, 0, 262144) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))]
    for record in records:
        size = len(record.frame)
        parts.append(block(6, struct.pack("<IIIII", 0, record.time_ns >> 32, record.time_ns & 0xFFFFFFFF, size, size) + record.frame))
    return b"".join(parts)


def checksum(data):
    """RFC 1071; 0 over bytes that include a right checksum."""
    data = bytes(data)
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@dataclasses.dataclass(frozen=True)
class Segment:
    """One TCP segment; `mistakes` names every length or checksum that is not right."""
    source: tuple       # (address text, port)
    destination: tuple
    seq: int
    ack: int
    flags: int
    payload: bytes
    mistakes: tuple

    @property
    def end(self):
        return (self.seq + len(self.payload) + bool(self.flags & SYN) + bool(self.flags & FIN)) & 0xFFFFFFFF


def parse_tcp(frame):
    """A Segment, or None for what is not TCP."""
    kind, at = struct.unpack_from("!H", frame, 12)[0], 14
    while kind in (0x8100, 0x88A8):
        kind, at = struct.unpack_from("!H", frame, at + 2)[0], at + 4
    mistakes = []
    if kind == 0x0800:
        header = (frame[at] & 15) * 4
        total, protocol = struct.unpack_from("!H", frame, at + 2)[0], frame[at + 9]
        source, destination = frame[at + 12 : at + 16], frame[at + 16 : at + 20]
        if checksum(frame[at : at + header]) != 0:
            mistakes.append("IPv4 checksum")
    elif kind == 0x86DD:
        header = 40
        total, protocol = 40 + struct.unpack_from("!H", frame, at + 4)[0], frame[at + 6]
        source, destination = frame[at + 8 : at + 24], frame[at + 24 : at + 40]
    else:
        return None
    if protocol != 6:
        return None
    if at + total > len(frame):
        mistakes.append("IP length")
    segment = frame[at + header : at + total]
    pseudo = source + destination + struct.pack("!II", len(segment), 6)
    if checksum(pseudo + segment) != 0:
        mistakes.append("TCP checksum")
    sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", segment)
    return Segment((str(ipaddress.ip_address(source)), sport), (str(ipaddress.ip_address(destination)), dport), seq, ack, flags,
                   segment[(offset >> 4) * 4 :], tuple(mistakes))


def rewrite_ipv4(frame, addresses):
    """The frame with IPv4 addresses replaced as {old text: new text} says, both checksums computed anew; other frames as they are."""
    if frame[12:14] == b"\x08\x06":  # ARP over Ethernet: sender at 28, target at 38 (RFC 826)
        out = bytearray(frame)
        for at in (28, 38):
            out[at : at + 4] = _replaced(out[at : at + 4], addresses)
        return bytes(out)
    if frame[12:14] != b"\x08\x00":
        return frame
    out = bytearray(frame)
    header, total = (out[14] & 15) * 4, struct.unpack_from("!H", out, 16)[0]
    for at in (26, 30):
        out[at : at + 4] = _replaced(out[at : at + 4], addresses)
    out[24:26] = b"\0\0"
    out[24:26] = struct.pack("!H", checksum(out[14 : 14 + header]))
    if out[23] == 6:
        begin, end = 14 + header, 14 + total
        out[begin + 16 : begin + 18] = b"\0\0"
        pseudo = bytes(out[26:34]) + struct.pack("!II", end - begin, 6)
        out[begin + 16 : begin + 18] = struct.pack("!H", checksum(pseudo + out[begin:end]))
    return bytes(out)


def _replaced(address, addresses):
    text = str(ipaddress.ip_address(bytes(address)))
    return ipaddress.ip_address(addresses.get(text, text)).packed


class Stream:
    """The bytes of one direction of a connection, put together by sequence number; where two segments differ, the first one counts."""

    def __init__(self):
        self.base = None
        self.joined = bytearray()
        self.early = []  # (offset, payload) behind a gap, in order of arrival

    def add(self, segment):
        if segment.flags & SYN:
            self.base = (segment.seq + 1) & 0xFFFFFFFF
        elif self.base is None:
            self.base = segment.seq
        start = (segment.seq + bool(segment.flags & SYN) - self.base) & 0xFFFFFFFF
        if start < 1 << 31 and segment.payload:  # else before the first byte: a keep-alive probe
            self.early.append((start, segment.payload))
            while self._join():
                pass

    def _join(self):
        for index, (start, payload) in enumerate(self.early):
            if start <= len(self.joined):
                self.joined += payload[len(self.joined) - start :]
                del self.early[index]
                return True
        return False

    def data(self):
        """Everything up to the first gap."""
        return bytes(self.joined)


def streams(frames):
    """{(source, destination): Stream} of the TCP frames; what was sent on each direction under first-wins reassembly."""
    result = {}
    for frame in frames:
        segment = parse_tcp(frame)
        if segment is not None and not segment.flags & RST:
            result.setdefault((segment.source, segment.destination), Stream()).add(segment)
    return result
