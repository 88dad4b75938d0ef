"""Makes demo-mixed.pcap from captures beside it: python3 tests/captures/make_demo.py

Real captures, taken one after the other, are laid over each other in time as if they had happened at once:
  a stranger, 198.51.100.66, empties the open server with elasticdump;
  a stranger, 198.51.100.77, scans it with nmap -sV;
  its owner, 198.51.100.20, works on it with credentials: the Python client and curl.
Only the strangers' addresses (with the checksums over them) and the times differ from the captures.
"""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import capture  # noqa: E402  (the path has to be set first)

PARTS = (  # file, the client's address in the result, start in milliseconds
    ("py-opensearch-auth.pcap", "198.51.100.20", 0),
    ("elasticdump-open.pcap", "198.51.100.66", 40),
    ("curl-basic.pcap", "198.51.100.20", 120),
    ("curl-apikey.pcap", "198.51.100.20", 300),
    ("nmap-sv.pcap", "198.51.100.77", 400),
)
START_NS = 1_575_504_000_000_000_000  # 2019-12-05T00:00:00Z, when the rules that left five servers open were changed


def mixed():
    records = []
    for name, client, start_ms in PARTS:
        part = capture.read_pcap(HERE / name)
        shift = START_NS + start_ms * 1_000_000 - part[0].time_ns
        for record in part:
            records.append(capture.Record(record.time_ns + shift, capture.rewrite_ipv4(record.frame, {"198.51.100.20": client})))
    return sorted(records, key=lambda record: record.time_ns)


if __name__ == "__main__":
    (HERE / "demo-mixed.pcap").write_bytes(capture.pcap_bytes(mixed()))
