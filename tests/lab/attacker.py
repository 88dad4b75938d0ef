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


ATTACKER = Patience(handshake=0.6, answer=0.25, acknowledgement=0.012, again=0.3, linger=0.3, unanswered=2, silences=0, resends=3, concurrent=250)
HONEST = Patience(handshake=5, answer=4, acknowledgement=0.4, again=0.4, linger=0.4, unanswered=2, silences=4, resends=25, concurrent=60)


@dataclasses.dataclass
class Outcome:
    client: tuple  # (packed address, port)
    answers: bytearray = dataclasses.field(default_factory=bytearray)  # what the server's side sent, in order; its FIN is a NUL
    reset: bool = False
    connected: bool = False
    frames: list = dataclasses.field(default_factory=list)  # both directions, as on the wire


class Flow:
    def __init__(self, case, index, patience):
        self.case, self.patience = case, patience
        self.client = (case.client_address(index), 1024 + index % 60000)
        self.server = (tcp_cases.SERVER_V6 if case.v6 else tcp_cases.SERVER_V4, tcp_cases.PORT)
        self.outcome, self.isn = Outcome(self.client), case.isn
        self.step, self.since, self.heard_at = 0, None, 0.0
        self.server_isn, self.edge, self.acked, self.pieces, self.echo = None, 0, 0, {}, 0
        self.resends, self.told, self.progress = 0, 0, 0
        self.offers = {}  # first byte's position: sequence number of the server's SYN-ACK for it
        self.answers_due, self.answers, self.answers_counted_to, self.silences = 0, 0, 0, 0

    # ---- what the server does ----

    def hear(self, segment, now):
        self.heard_at = now
        if segment.flags & RST:
            self.outcome.reset = True
        if segment.flags & SYN and segment.flags & ACK:
            self.offers[wire.distance(self.isn + 1, segment.acknowledgement)] = segment.sequence
        if segment.flags & SYN and segment.flags & ACK and self.server_isn is None:
            self.server_isn, self.outcome.connected = segment.sequence, True
        if self.server_isn is None:
            return
        if segment.flags & ACK:
            acked = wire.distance(self.isn + 1, segment.acknowledgement)
            if self.acked < acked < 1 << 24:
                self.acked, self.silences = acked, 0
        self.echo = timestamp(segment) or self.echo
        if segment.payload or segment.flags & FIN:
            start, data = wire.distance(self.server_isn + 1, segment.sequence), segment.payload + (b"\0" if segment.flags & FIN else b"")
            if len(data) > len(self.pieces.get(start, b"")):
                self.pieces[start] = data
            while ready := [at for at, piece in self.pieces.items() if at <= self.edge < at + len(piece)]:
                piece = self.pieces[ready[0]][self.edge - ready[0]:]
                self.outcome.answers += piece
                self.edge += len(piece)
            self.pieces = {at: piece for at, piece in self.pieces.items() if at > self.edge}

    # ---- what we do ----

    def play(self, now, send):
        """Sends what can be sent. True when the connection is done."""
        ops = self.case.ops
        while self.step < len(ops):
            op = ops[self.step]
            if op.client:
                self.reconnect(dict(op.tricks).get("again"))
                for frame in self.render(op):
                    send(frame)
            elif not self.outcome.reset and self.waits(op, now, send):
                return False
            self.step, self.since = self.step + 1, None
        return self.finish(now, send)

    def reconnect(self, shift):
        """A new connection between the same ports, `shift` further on."""
        if shift is not None:
            self.isn, self.server_isn, self.edge, self.acked, self.pieces, self.told = self.case.isn + shift, None, 0, 0, {}, 0

    def waits(self, op, now, send):
        if self.since is None:
            self.since = now
            self.answers_due += bool(op.data)
        if op.flags & SYN:
            return self.server_isn is None and now - self.since < self.patience.handshake
        if op.data:
            if self.answers_counted_to < len(self.outcome.answers):
                self.answers_counted_to, self.answers = len(self.outcome.answers), len(ANSWER.findall(self.outcome.answers))
            return self.answers < self.answers_due and now - max(self.since, self.heard_at) < self.patience.answer
        if self.acked >= op.ack or self.silences >= self.patience.silences > 0:
            return False
        if now - self.since < self.patience.acknowledgement:
            return True
        if not self.patience.silences:
            return False
        self.silences, self.since = self.silences + 1, now
        if self.silences < self.patience.silences:
            self.send_again(op.ack, send)
            return True
        return False

    def send_again(self, end, send):
        at = max(self.acked, self.case.begin)
        for start in range(at, min(end, at + 20 * SEGMENT), SEGMENT):
            send(self.segment(ACK | PSH, start, self.case.stream[start - self.case.begin:min(end - self.case.begin, start - self.case.begin + SEGMENT)]))


    def finish(self, now, send):
        end = self.case.begin + len(self.case.stream)
        if self.outcome.reset or self.server_isn is None:
            return self.over(now, self.patience.linger if self.outcome.reset else 0)
        if self.since is None:
            self.since = now
        if self.edge > self.told:
            self.told = self.edge
            send(self.segment(ACK, self.acked, b""))
        if self.acked > self.progress:
            self.progress, self.resends = self.acked, 0
        if self.acked < end and self.resends < self.patience.resends:
            if self.resends == 0 or now - self.since >= self.patience.again:
                self.resends, self.since = self.resends + 1, now
                self.send_again(end, send)
            return False
        if now - max(self.since, self.heard_at) < (self.patience.linger if self.outcome.answers else self.patience.unanswered):
            return False
        send(self.segment(RST | ACK, self.acked, b""))
        return True

    def over(self, now, patience):
        if self.since is None:
            self.since = now
        return now - self.since >= patience

    def segment(self, flags, at, data):
        return self.render(tcp_cases.Op(True, at, flags, data, 0))[0]

    def render(self, op):
        tricks = dict(op.tricks)
        stamp, pieces, isn, options, reshape, offer = (tricks.pop(name, default) for name, default in
                                                (("stamp", 0), ("pieces", None), ("isn", 0), ("options", b""), ("reshape", None), ("offer", None)))
        tricks.pop("again", None)
        if self.case.stamps and stamp is not None:
            options = wire.timestamp_option(1_000_000 + int(time.monotonic() * 1000) % 100_000_000 + stamp, 0 if op.ack is None else self.echo) + options
        elif op.flags & SYN and not options:
            options = b"\2\4\5\xb4"
        acknowledgement = 0
        if op.ack is not None:
            shift = op.ack if abs(op.ack) >= 80_000 else 0  # a script's shift; what else it counts is a server of its own making
            acknowledgement = (self.server_isn or 0) + 1 + self.edge + shift
        if offer in self.offers:
            acknowledgement = self.offers[offer] + 1
        frame = wire.tcp_frame(self.client[0], self.client[1], self.server[0], self.server[1], self.isn + isn + 1 + op.at, acknowledgement, op.flags, op.data,
                               options=options, vlan=self.case.vlan, **tricks)
        if reshape:
            return reshape(frame)
        return list(tcp_cases.fragments(frame, pieces, self.case.vlan, self.client[1] + self.step)) if pieces and not self.case.v6 else [frame]


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
