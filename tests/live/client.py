"""A TCP client that is told what to send: client.py ADDRESS PORT [SOURCE]

Each line on standard input is the base64 of bytes to send on the one connection ("" sends nothing). After each it prints one line:
`STATE BASE64` with what came back until the connection ended or nothing came for 1.5 seconds; STATE is open, closed or reset.
"""
import base64
import socket
import sys

address, port = sys.argv[1], int(sys.argv[2])
connection = socket.create_connection((address, port), timeout=10, source_address=(sys.argv[3], 0) if len(sys.argv) > 3 else None)
for line in sys.stdin:
    state, received = "open", b""
    try:
        connection.settimeout(10)
        connection.sendall(base64.b64decode(line))
        connection.settimeout(1.5)
        while True:
            data = connection.recv(65536)
            if not data:
                state = "closed"
                break
            received += data
    except socket.timeout:
        pass
    except (ConnectionResetError, BrokenPipeError):
        state = "reset"
    print(state, base64.b64encode(received).decode(), flush=True)
