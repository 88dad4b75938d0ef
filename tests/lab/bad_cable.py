"""A cable between pairs of interfaces that loses and reorders frames: bad_cable.py LOSS REORDER END:END…

Shares between 0 and 1. A reordered frame is held for 1 to 20 milliseconds, so that what was sent behind it overtakes it. (Not every kernel has netem.)
"""
import heapq
import random
import select
import socket
import sys
import time

FRAME_MAX = 65536
PACKET_OUTGOING = 4


def end(name):
    connection = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
    connection.bind((name, 0))
    return connection


def main():
    loss, reorder = float(sys.argv[1]), float(sys.argv[2])
    rng = random.Random(20191205)
    other = {}
    for pair in sys.argv[3:]:
        left, right = map(end, pair.split(":"))
        other[left], other[right] = right, left
    held, number = [], 0
    while True:
        wait = max(0, held[0][0] - time.monotonic()) if held else None
        for source in select.select(list(other), [], [], wait)[0]:
            frame, address = source.recvfrom(FRAME_MAX)
            if address[2] == PACKET_OUTGOING or rng.random() < loss:
                continue
            if rng.random() < reorder:
                number += 1
                heapq.heappush(held, (time.monotonic() + rng.uniform(0.001, 0.02), number, other[source], frame))
            else:
                other[source].send(frame)
        while held and held[0][0] <= time.monotonic():
            _, _, target, frame = heapq.heappop(held)
            target.send(frame)


if __name__ == "__main__":
    main()
