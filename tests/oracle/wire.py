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
              vlan=(), reserved=0, padding=0, outside_ip=None):
    """One frame; addresses are packed (4 or 16 bytes). `outside_ip` wraps the IP packet: "ipip" or "6in4"."""
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
    tags = b"".join(struct.pack("!HH", 0x8100, tag) for tag in vlan)
    return SERVER_MAC + CLIENT_MAC + tags + struct.pack("!H", kind) + packet + bytes(padding)


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
