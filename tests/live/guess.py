"""Guesses passwords, each on a connection of its own: guess.py ADDRESS PORT SOURCE USER COUNT

Prints one JSON object: how often each status came; "none" where the connection ended without one.
"""
import base64
import collections
import concurrent.futures
import json
import socket
import sys

address, port, source, user, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])


def guess(number):
    value = base64.b64encode(f"{user}:guess-{number}".encode()).decode()
    try:
        with socket.create_connection((address, port), timeout=20, source_address=(source, 0)) as connection:
            connection.sendall(f"GET /guessed HTTP/1.1\r\nHost: db\r\nAuthorization: Basic {value}\r\n\r\n".encode())
            answer = connection.recv(64)
    except OSError:
        answer = b""
    return answer[9:12].decode() or "none"


with concurrent.futures.ThreadPoolExecutor(16) as pool:
    print(json.dumps(collections.Counter(pool.map(guess, range(count)))))
