"""Plays connections of tests/oracle/tcp_cases.py against a real server: the client's frames are made by hand, the server answers as it likes.

A script's server lines become waits: for the handshake, for an answer, for any sign of life. Its acknowledgements follow what the server really sent. An attacker
goes on when it is cut off, and sends again what the server has not acknowledged.
"""
import collections
import dataclasses
import functools
import re
import select
import socket
import struct
import time

import tcp_cases
import wire
from wire import ACK, FIN, PSH, RST, SYN

SEGMENT = 1400
ANSWER = re.compile(rb"HTTP/1\.[01] \d\d\d ")


@dataclasses.dataclass(frozen=True)
class Patience:
    """Seconds that a client waits for a handshake, for an answer, for an acknowledgement, before it sends again, and at the end; how often it sends again; how many at once."""
    handshake: float
    answer: float
    acknowledgement: float
    again: float
    linger: float
    unanswered: float  # the same where nothing was answered yet
    silences: int  # so many waits for acknowledgements in vain end all waiting for them; 0: one does not wait twice, nor send again at once
    resends: int
    concurrent: int


ATTACKER = Patience(handshake=0.6, answer=0.25, acknowledgement=0.012, again=0.3, linger=1, unanswered=2, silences=0, resends=3, concurrent=250)
FINISHING_SECONDS_MAX = 20  # from a script's last line on
HONEST = Patience(handshake=5, answer=4, acknowledgement=0.4, again=0.4, linger=0.4, unanswered=2, silences=4, resends=25, concurrent=60)


@dataclasses.dataclass
class Outcome:
    client: tuple  # (packed address, port)
    answers: bytearray = dataclasses.field(default_factory=bytearray)  # what the server's side sent, in order; its FIN is a NUL
    reset: bool = False
    connected: bool = False
    frames: list = dataclasses.field(default_factory=list)  # both directions, as on the wire


@dataclasses.dataclass
class Life:
    """One connection between the two ports; there can be several in turn, or several that a server offers at once."""
    first: int  # of the client's sequence numbers, against the first life's
    server_isn: int
    edge: int = 0  # what the server sent, in order
    acked: int = 0  # of the client's bytes
    reset: bool = False
    pieces: dict = dataclasses.field(default_factory=dict)  # what it sent out of order


class Flow:
    def __init__(self, case, index, patience):
        self.case, self.patience = case, patience
        self.client = (case.client_address(index), 1024 + index % 60000)
        self.server = (tcp_cases.SERVER_V6 if case.v6 else tcp_cases.SERVER_V4, tcp_cases.PORT)
        self.outcome = Outcome(self.client)
        self.step, self.since, self.finishing, self.heard_at = 0, None, 0.0, 0.0
        self.lives, self.life, self.echo = {}, None, 0
        self.knocked, self.early, self.scripted = 0, 0, {}  # the life of the last SYN and its bytes; by how much the script's server shifts its own numbers in each
        self.resends, self.told, self.progress = 0, 0, 0
        self.answers_due, self.answers, self.answers_counted_to, self.silences = 0, 0, 0, 0

    # ---- what the server does ----

    def hear(self, segment, now):
        before = self.news()
        self.take(segment)
        if self.news() != before:  # a server that repeats itself says nothing
            self.heard_at = now

    def news(self):
        return [(life.edge, life.acked, life.reset, len(life.pieces)) for life in self.lives.values()], self.outcome.reset

    def take(self, segment):
        if segment.flags & SYN and segment.flags & ACK:
            first = wire.distance(self.case.isn + 1, segment.acknowledgement)
            if first == self.knocked + self.early:
                first = self.knocked
            if first not in self.lives:
                self.lives[first] = Life(first, segment.sequence)
                self.outcome.connected = True
        if not self.lives:
            self.outcome.reset |= bool(segment.flags & RST)
            return
        life = min(self.lives.values(), key=lambda life: abs(wire.distance(life.server_isn, segment.sequence)))
        life.reset |= bool(segment.flags & RST)
        if segment.flags & ACK:
            acked = wire.distance(self.case.isn + 1 + life.first, segment.acknowledgement)
            if life.acked < acked < 1 << 24:
                life.acked, self.silences = acked, 0
        self.echo = timestamp(segment) or self.echo
        if segment.payload or segment.flags & FIN:
            start, data = wire.distance(life.server_isn + 1, segment.sequence), segment.payload + (b"\0" if segment.flags & FIN else b"")
            if len(data) > len(life.pieces.get(start, b"")):
                life.pieces[start] = data
            while ready := [at for at, piece in life.pieces.items() if at <= life.edge < at + len(piece)]:
                piece = life.pieces[ready[0]][life.edge - ready[0]:]
                self.outcome.answers += piece
                life.edge += len(piece)
            life.pieces = {at: piece for at, piece in life.pieces.items() if at > life.edge}

    # ---- what we do ----

    def play(self, now, send):
        """Sends what can be sent. True when the connection is done."""
        ops = self.case.ops
        while self.step < len(ops):
            op = ops[self.step]
            if op.client:
                for frame in () if self.probes_too_early(op) else self.render(op):
                    send(frame)
            elif not (self.life and self.life.reset) and self.waits(op, now, send):
                return False
            self.step, self.since = self.step + 1, None
        return self.finish(now, send)

    def probes_too_early(self, op):
        """A keep-alive probe carries any byte, but only where the server has acknowledged: a loaded server may not have got there yet."""
        return self.case.legal and op.data == b"\0" and op.flags == ACK and not (self.life and self.life.acked > op.at)

    def waits(self, op, now, send):
        if self.since is None:
            self.since = now
            self.answers_due += bool(op.data)
            if op.flags & SYN:
                self.scripted[self.knocked] = dict(op.tricks).get("isn", 0)
        if op.flags & SYN:
            return self.knocked not in self.lives and now - self.since < self.patience.handshake
        if op.data:
            if self.answers_counted_to < len(self.outcome.answers):
                self.answers_counted_to, self.answers = len(self.outcome.answers), len(ANSWER.findall(self.outcome.answers))
            return self.answers < self.answers_due and now - max(self.since, self.heard_at) < self.patience.answer
        if op.ack is None:
            return False
        wanted = op.ack - self.knocked
        if self.life and self.life.acked >= wanted or self.silences >= self.patience.silences > 0:
            return False
        if now - self.since < self.patience.acknowledgement:
            return True
        if not self.patience.silences or not self.life:
            return False
        self.silences, self.since = self.silences + 1, now
        if self.silences < self.patience.silences:
            self.send_again(wanted, send)
            return True
        return False

    def send_again(self, end, send):
        if self.case.legal and self.life.first != 0:  # the case's stream is what the first life says
            return
        at = max(self.life.acked, self.case.begin)
        for start in range(at, min(end, at + 20 * SEGMENT), SEGMENT):
            send(self.segment(ACK | PSH, start, self.case.stream[start - self.case.begin:min(end - self.case.begin, start - self.case.begin + SEGMENT)]))

    def finish(self, now, send):
        if self.since is None:
            self.since = self.finishing = now
        if self.life is None:
            return True
        self.outcome.reset |= self.life.reset
        if now - self.finishing > FINISHING_SECONDS_MAX:
            return True  # a server that sends again and again is no reason to listen for ever
        if self.life.reset:
            return now - self.since >= self.patience.linger
        if self.life.edge > self.told:
            self.told = self.life.edge
            send(self.segment(ACK, self.life.acked, b""))
        if self.life.acked > self.progress:
            self.progress, self.resends = self.life.acked, 0
        end = self.case.begin + len(self.case.stream)
        if self.life.acked < end and self.resends < self.patience.resends and not (self.case.legal and self.life.first != 0):
            if self.resends == 0 or now - self.since >= self.patience.again:
                self.resends, self.since = self.resends + 1, now
                self.send_again(end, send)
            return False
        if now - max(self.since, self.heard_at) < (self.patience.linger if self.outcome.answers else self.patience.unanswered):
            return False
        send(self.segment(RST | ACK, self.life.acked, b""))
        return True

    def segment(self, flags, at, data):
        return self.render(tcp_cases.Op(True, at, flags, data, self.scripted.get(self.life.first, 0), (("isn", self.life.first),)))[0]

    def render(self, op):
        """The frames of one of the client's lines: with the numbers of the server that is really there."""
        tricks = dict(op.tricks)
        reshape, first = tricks.pop("reshape", None), tricks.get("isn", 0)
        if op.flags & (SYN | ACK) == SYN and "ttl" not in tricks:
            self.knocked, self.early = first, len(op.data)
        self.life = self.lives.get(first, self.life)
        ack = op.ack
        if ack is not None:
            shift = ack - self.scripted.get(first, 0)  # what else a script counts is a server of its own making
            ack = (self.life.edge if self.life else 0) + (shift if abs(shift) >= 80_000 else 0)
        if self.case.stamps and tricks.get("stamp", 0) is not None:
            stamp = 1_000_000 + int(time.monotonic() * 1000) % 100_000_000 + tricks.get("stamp", 0)
            tricks["options"] = wire.timestamp_option(stamp, 0 if ack is None else self.echo) + tricks.get("options", b"")
            tricks["stamp"] = None
        case = dataclasses.replace(self.case, server_isn=self.life.server_isn if self.life else 0)
        frames = case.render(dataclasses.replace(op, ack=ack, tricks=tuple(tricks.items())), self.client, self.server, self.client[1] + self.step)
        return reshape(frames[0]) if reshape else frames


def timestamp(segment):
    """The server's time stamp, 0 without one."""
    at = segment.frame.find(b"\1\1\x08\x0a", 54)
    return struct.unpack_from("!I", segment.frame, at + 4)[0] if at > 0 and at < 110 else 0


def open_wire(device):
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 24)
    connection.bind((device, 0))
    connection.setblocking(False)
    return connection


def play(cases, first_index, connection, patience=ATTACKER):
    """[Outcome] of each case, many at a time. `first_index` keeps the addresses of several calls apart."""
    flows = [Flow(case, first_index + number, patience) for number, case in enumerate(cases)]
    waiting, active = collections.deque(flows), {}

    def send(flow, frame):
        flow.outcome.frames.append(frame)
        while True:
            try:
                connection.send(frame)
                return
            except BlockingIOError:
                select.select([], [connection], [], 0.1)
            except OSError as error:
                if error.errno != 90:  # longer than the wire carries: nobody gets it
                    raise
                return

    while waiting or active:
        while waiting and len(active) < patience.concurrent:
            flow = waiting.popleft()
            active[flow.client, flow.server] = flow
        now = time.monotonic()
        for key, flow in list(active.items()):
            if flow.play(now, functools.partial(send, flow)):
                del active[key]
            listen(connection, active)
        if active and not select.select([connection], [], [], 0.004)[0]:
            continue
        listen(connection, active)
    return [flow.outcome for flow in flows]


def listen(connection, active):
    while True:
        try:
            frame = connection.recv(65536)
        except BlockingIOError:
            return
        segment = wire.parse_tcp(frame)
        flow = segment and active.get((segment.destination, segment.source))
        if flow:
            flow.outcome.frames.append(frame)
            flow.hear(segment, time.monotonic())
