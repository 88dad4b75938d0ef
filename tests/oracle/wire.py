"""Frames and captures, written and read without any product code: Ethernet, VLAN, IPv4, IPv6, TCP; classic pcap. Standard library only."""
import dataclasses
import ipaddress
import struct

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = 1, 2, 4, 8, 16, 32, 64, 128
CLIENT_MAC, SERVER_MAC = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")
MODULUS = 1 << 32


def checksum(data):
    """RFC 1071. The one's complement sum of 16-bit words is the number modulo 0xffff."""
    if len(data) % 2:
        data += b"\0"
    rest = int.from_bytes(data, "big") % 0xFFFF
    return 0xFFFF - rest if rest or not any(data) else 0


def address(text):
    return ipaddress.ip_address(text).packed


def tcp_frame(source, source_port, destination, destination_port, sequence, acknowledgement, flags, payload=b"", *, window=65535,
              options=b"", ttl=64, bad_checksum=False, urgent=0, offset_words=None, ip_options=b"", identifier=0, fragment=0,
              vlan=(), reserved=0, padding=0):
    """One frame; addresses are packed (4 or 16 bytes)."""
    options += b"\1" * (-len(options) % 4)
    words = 5 + len(options) // 4 if offset_words is None else offset_words
    header = struct.pack("!HHIIBBHHH", source_port, destination_port, sequence % MODULUS, acknowledgement % MODULUS,
                         (words << 4 | reserved) & 0xFF, flags, window, 0, urgent) + options
    segment = header + payload
    if len(source) == 4:
        pseudo = source + destination + struct.pack("!HH", 6, len(segment))
    else:
        pseudo = source + destination + struct.pack("!II", len(segment), 6)
    value = checksum(pseudo + segment)
    if bad_checksum:
        value ^= 0x5555
    segment = segment[:16] + struct.pack("!H", value) + segment[18:]
    return link(ip_packet(source, destination, segment, ttl=ttl, options=ip_options, identifier=identifier, fragment=fragment),
                vlan, padding)


def ip_packet(source, destination, payload, *, protocol=6, ttl=64, options=b"", identifier=0, fragment=0):
    if len(source) == 16:
        return struct.pack("!IHBB", 6 << 28, len(payload), protocol, ttl) + source + destination + payload
    options += b"\1" * (-len(options) % 4)
    header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), identifier, fragment, ttl, protocol, 0)
    header += source + destination + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def link(packet, vlan=(), padding=0):
    kind = 0x0800 if packet[0] >> 4 == 4 else 0x86DD
    tags = b"".join(struct.pack("!HH", 0x88A8 if place == 0 and len(vlan) > 1 else 0x8100, tag) for place, tag in enumerate(vlan))
    return SERVER_MAC + CLIENT_MAC + tags + struct.pack("!H", kind) + packet + bytes(padding)


V6_EXTENSIONS = {"hop": 0, "destination": 60, "routing": 43, "ah": 51, "mobility": 135, "atomic": 44}


def _under(frame):
    """(link header with its tags, EtherType, IP packet)"""
    at = 12
    while frame[at:at + 2] in (b"\x81\x00", b"\x88\xa8", b"\x91\x00"):
        at += 4
    return frame[:at], frame[at:at + 2], frame[at + 2:]


def wrapped(frame, kind):
    """The same packet in another coat: extension headers (IPv6; `+` between several), a tunnel towards the same server, or another link layer."""
    head, ether_type, packet = _under(frame)
    v6 = packet[0] >> 4 == 6
    source, destination = (packet[8:24], packet[24:40]) if v6 else (packet[12:16], packet[16:20])
    names = kind.split("+")
    if all(name in V6_EXTENSIONS for name in names):
        if not v6:
            return frame
        following, rest = packet[6], packet[40:]
        for name in reversed(names):
            body = b"\0\1\4\0\0\0\0" if name != "atomic" else b"\0\0\0" + (7).to_bytes(4, "big")
            body = (1 if name == "ah" else 0).to_bytes(1, "big") + body[1:] + (bytes(4) if name == "ah" else b"")
            rest, following = bytes([following]) + body + rest, V6_EXTENSIONS[name]
        return head + ether_type + packet[:4] + len(rest).to_bytes(2, "big") + bytes([following]) + packet[7:40] + rest
    if kind in ("pppoe", "mpls", "snap", "tags"):
        if kind == "pppoe":
            return head + b"\x88\x64\x11\0\0\1" + (len(packet) + 2).to_bytes(2, "big") + (b"\0\x57" if v6 else b"\0\x21") + packet
        if kind == "mpls":
            return head + b"\x88\x47\0\1\1\x40" + packet
        if kind == "snap":
            return head + min(len(packet) + 8, 1500).to_bytes(2, "big") + b"\xaa\xaa\3\0\0\0" + ether_type + packet
        return head + b"\x88\xa8\0\1\x81\0\0\2\x91\0\0\3" + ether_type + packet
    if kind == "ipip":
        inner, protocol = packet, 41 if v6 else 4
    elif kind == "gre":
        inner, protocol = b"\0\0" + ether_type + packet, 47
    else:  # vxlan, geneve
        inner = (b"\x08\0\0\0\0\0\1\0" if kind == "vxlan" else b"\0\0\x65\x58\0\0\1\0") + SERVER_MAC + CLIENT_MAC + ether_type + packet
        inner, protocol = struct.pack("!HHHH", 40000, 4789 if kind == "vxlan" else 6081, 8 + len(inner), 0) + inner, 17
        if v6:
            inner = inner[:6] + struct.pack("!H", checksum(source + destination + struct.pack("!II", len(inner), 17) + inner) or 0xFFFF) + inner[8:]
    return head + ether_type + ip_packet(source, destination, inner, protocol=protocol)


def addresses(frame):
    """Source and destination of an IP packet that is not in another coat."""
    _, ether_type, packet = _under(frame)
    if ether_type == b"\x08\0":
        return packet[12:16], packet[16:20]
    return (packet[8:24], packet[24:40]) if ether_type == b"\x86\xdd" else ()


def unwrapped(frame):
    """Every TCP segment that some stack might find in a frame that is no plain one: behind extension headers, in a tunnel, behind another link layer,
    in a first fragment."""
    found, todo = [], [_under(frame)[1:]]
    while todo:
        ether_type, packet = todo.pop()
        if ether_type == b"\x88\x64":
            todo.append((b"\x08\0" if packet[6:8] == b"\0\x21" else b"\x86\xdd", packet[8:]))
        elif ether_type in (b"\x88\x47", b"\x88\x48"):
            todo.append((b"\x08\0" if packet[4:5] and packet[4] >> 4 == 4 else b"\x86\xdd", packet[4:]))
        elif int.from_bytes(ether_type, "big") < 0x600 and packet[:3] == b"\xaa\xaa\3":
            todo.append((packet[6:8], packet[8:]))
        elif ether_type == b"\x08\0" and len(packet) > 20:
            todo += _carried(packet[9], packet[(packet[0] & 15) * 4:], packet[12:16], packet[16:20], found)
        elif ether_type == b"\x86\xdd" and len(packet) > 40:
            todo += _carried(packet[6], packet[40:], packet[8:24], packet[24:40], found)
    return found


def _carried(protocol, rest, source, destination, found):
    while protocol in (0, 43, 44, 51, 60, 135, 139, 140) and len(rest) > 8:
        size = (rest[1] + 2) * 4 if protocol == 51 else 8 if protocol == 44 else (rest[1] + 1) * 8
        protocol, rest = rest[0], rest[size:]
    if protocol == 6 and len(rest) >= 4:
        found.append(((source, int.from_bytes(rest[:2], "big")), (destination, int.from_bytes(rest[2:4], "big"))))
    if protocol == 4:
        return [(b"\x08\0", rest)]
    if protocol == 41:
        return [(b"\x86\xdd", rest)]
    if protocol == 47:
        return [(rest[2:4], rest[4:])]
    if protocol == 17 and rest[2:4] in (b"\x12\xb5", b"\x17\xc1"):
        return [_under(rest[16:])[1:]] if len(rest) > 30 else []
    return []


def icmp_too_big(router, frame, mtu):
    """A router's word to the sender of `frame`: fragmentation needed, or packet too big."""
    head, ether_type, packet = _under(frame)
    back = head[6:12] + head[:6] + head[12:]
    if packet[0] >> 4 == 4:
        body = b"\3\4\0\0\0\0" + mtu.to_bytes(2, "big") + packet[:28]
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
        return back + ether_type + ip_packet(router[:4], packet[12:16], body, protocol=1)
    body = b"\2\0\0\0" + mtu.to_bytes(4, "big") + packet[:1000]
    source = router.rjust(16, b"\x20")
    body = body[:2] + struct.pack("!H", checksum(source + packet[8:24] + struct.pack("!II", len(body), 58) + body)) + body[4:]
    return back + ether_type + ip_packet(source, packet[8:24], body, protocol=58)


def timestamp_option(value, echo):
    return b"\1\1\x08\x0a" + struct.pack("!II", value % MODULUS, echo % MODULUS)


@dataclasses.dataclass(frozen=True, slots=True)
class Segment:
    source: tuple  # (packed address, port)
    destination: tuple
    sequence: int
    acknowledgement: int
    flags: int
    ttl: int
    urgent: int
    payload: bytes
    frame: bytes


def parse_tcp(frame):
    """The Segment in a frame, or None. Reads no fragments and no IPv6 extension headers: those must not leave towards a service at all."""
    at, kind = 14, int.from_bytes(frame[12:14], "big")
    while kind in (0x8100, 0x88A8, 0x9100) and len(frame) >= at + 4:
        kind, at = int.from_bytes(frame[at + 2:at + 4], "big"), at + 4
    if kind == 0x0800 and len(frame) >= at + 20:
        header = (frame[at] & 15) * 4
        total, part, ttl, protocol = int.from_bytes(frame[at + 2:at + 4], "big"), int.from_bytes(frame[at + 6:at + 8], "big"), frame[at + 8], frame[at + 9]
        source, destination, end = frame[at + 12:at + 16], frame[at + 16:at + 20], at + total
        if protocol != 6 or part & 0x3FFF or header < 20:
            return None
        at += header
    elif kind == 0x86DD and len(frame) >= at + 40:
        ttl, source, destination = frame[at + 7], frame[at + 8:at + 24], frame[at + 24:at + 40]
        end = at + 40 + int.from_bytes(frame[at + 4:at + 6], "big")
        if frame[at + 6] != 6:
            return None
        at += 40
    else:
        return None
    if len(frame) < at + 20 or end > len(frame):
        return None
    source_port, destination_port, sequence, acknowledgement, words, flags, _, _, urgent = struct.unpack_from("!HHIIBBHHH", frame, at)
    data = at + (words >> 4) * 4
    if words >> 4 < 5 or data > end:
        return None
    return Segment((source, source_port), (destination, destination_port), sequence, acknowledgement, flags, ttl, urgent, frame[data:end], frame)


def read_pcap(path):
    """[(time in ns, frame)]; classic pcap of either byte order and unit."""
    data = path.read_bytes()
    for order in "<", ">":
        for number, unit in ((0xA1B2C3D4, 1000), (0xA1B23C4D, 1)):
            if data[:4] == struct.pack(order + "I", number):
                break
        else:
            continue
        break
    else:
        raise ValueError(f"{path}: no pcap file")
    at, records, unpack = 24, [], struct.Struct(order + "IIII").unpack_from
    while at < len(data):
        seconds, fraction, kept, _ = unpack(data, at)
        records.append((seconds * 1_000_000_000 + fraction * unit, data[at + 16:at + 16 + kept]))
        at += 16 + kept
    return records


def write_pcap(path, frames, start=1_700_000_000, step_us=20):
    """Frames, `step_us` microseconds apart; an int among them moves the clock by so many microseconds instead."""
    parts, clock = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)], start * 1_000_000
    for frame in frames:
        if isinstance(frame, int):
            clock += frame
            continue
        clock += step_us
        parts += [struct.pack("<IIII", clock // 1_000_000, clock % 1_000_000, len(frame), len(frame)), frame]
    path.write_bytes(b"".join(parts))


def distance(start, end):
    """Signed distance of sequence numbers."""
    return ((end - start + (1 << 31)) % MODULUS) - (1 << 31)
