"""Readers of a client's byte stream that share no code with the product. Each says which requests it sees: [Request].

`lenient` reads as every real server known to be lenient reads, all at once: wherever bytes can be taken in two ways it follows both, so its answer
is the union over all readings. The others are real parsers: h11, llhttp in its strict and its most lenient mode, Go's net/http, Node's http server in
its insecure mode.
"""
import dataclasses
import functools
import importlib.util
import json
import pathlib
import re
import shutil
import struct
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
LLHTTP = pathlib.Path("/usr/share/llhttp")
BODY_CEILING = 100_000_000  # both databases answer 413 above it and then run the body of an expecting request
READINGS_MAX = 400
METHODS = {b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI"}
CREDENTIALS = re.compile(rb"(?i:basic|bearer|apikey) +[A-Za-z0-9+/=._~-]+\Z")
SCHEME = re.compile(rb"(?i:basic|bearer|apikey)\b")
VERSION = re.compile(rb"[!-~]+/\d[!-~]*\Z")
LEADING = bytes(range(0x21)) + b"\x7f"


@dataclasses.dataclass(frozen=True)
class Request:
    method: bytes
    target: bytes
    credentials: str  # "none", "good", "malformed"

    @property
    def authorised(self):
        return self.credentials == "good"


def credentials_of(values):
    """What the Authorization headers amount to: good is exactly one, well formed; another scheme, or an empty one, is none."""
    values = [(value.encode("utf-8", "replace") if isinstance(value, str) else value).strip(b" \t") for value in values]
    if len(values) == 1:
        if CREDENTIALS.match(values[0]):
            return "good"
        return "malformed" if SCHEME.match(values[0]) else "none"
    return "malformed" if values else "none"


# ---- the most lenient reader ----

def lenient(stream, ended=False, continued=True):
    """`ended`: a FIN follows, which ends a head for some servers. `continued`: the server said 100 before any body was sent."""
    found, seen, todo = set(), {0}, [0]
    while todo and len(seen) < READINGS_MAX:
        for request, following in _requests_at(stream, todo.pop(), ended, continued):
            found.add(request)
            for at in following:
                if at is not None and at < len(stream) and at not in seen:
                    seen.add(at)
                    todo.append(at)
    return found


def _requests_at(stream, start, ended, continued):
    while start < len(stream) and stream[start] in LEADING:
        start += 1
    if start >= len(stream):
        return
    line_end = stream.find(b"\n", start)
    if line_end >= 0:
        words = stream[start:line_end].split()
        if len(words) == 2 and words[0] in METHODS:  # HTTP/0.9: the line alone is a request
            yield Request(words[0], words[1], "none"), (line_end + 1,)
    for head, following in _heads(stream, start, ended):
        request = _head(head)
        if request is None:
            continue
        yield request[0], tuple(_message_ends(stream, following, *request[1:], continued))


def _heads(stream, start, ended):
    """(lines, offset behind the head) in every way to see lines and the empty one among them."""
    limit = min(len(stream), start + 200_000)
    bare_cr = re.search(rb"\r(?![\n])", stream[start:limit]) is not None
    for ending in (rb"\r*\n",) + ((rb"\r\n|\r|\n",) if bare_cr else ()):
        lines, at, blank_also = [], start, False
        for match in re.finditer(ending, stream[start:limit]):
            line = stream[at:start + match.start()]
            at = start + match.end()
            if not line:
                yield lines, at
                break
            if not line.strip(b" \t\v\f\0") and not blank_also:
                blank_also = True
                yield list(lines), at
            lines.append(line)
        else:
            if ended:
                yield lines + ([stream[at:limit]] if at < limit else []), limit


def _head(lines):
    """(Request, version, [(name as sent, value)], folded?) or None if no server would take it for a request."""
    if not lines:
        return None
    words = re.split(rb"[ \t\v\f\r\0]+", lines[0].strip(LEADING))
    if len(words) < 2 or len(words) == 2 and words[0] not in METHODS:
        return None
    version = words[-1] if len(words) > 2 and VERSION.match(words[-1]) else b""
    if not version and words[0] not in METHODS:
        return None
    fields, folded = [], False
    for line in lines[1:]:
        if line[:1] in b" \t" and line[:1]:
            folded = True
            if fields:
                name, value, _ = fields[-1]
                fields[-1] = (name, value + b" " + line.strip(), True)
            fields.append((line.partition(b":")[0].strip(), line.partition(b":")[2].strip(), True))
        else:
            name, _, value = line.partition(b":")
            fields.append((name, value.strip(b" \t"), False))
    credentials = [value if name.lower() == b"authorization" and not fold else b"" for name, value, fold in fields
                   if name.strip().lower() == b"authorization"]
    return Request(words[0], words[1], credentials_of(credentials)), version, fields, folded


def _message_ends(stream, at, version, fields, folded, continued):
    lengths, chunked, odd, expects, expect_odd = [], 0, folded, 0, False
    for name, value, fold in fields:
        # `Content_Length` and the like are other names to every server that frames by them: only what some parser drops or stops at makes them alike.
        plain = re.sub(rb"[^!-~]|:", b"", name.lower())
        if plain in (b"content-length", b"contentlength"):
            odd |= name.lower() != b"content-length" or not re.fullmatch(rb"\d+", value) or fold
            lengths.append(value)
        elif plain in (b"transfer-encoding", b"transferencoding"):
            odd |= name.lower() != b"transfer-encoding" or value.lower() != b"chunked" or fold
            chunked += 1
        elif plain == b"expect":
            expects += 1
            expect_odd |= value.lower() != b"100-continue" or name.lower() != b"expect" or fold
    clean = not odd and len(lengths) + chunked <= 1 and not (chunked and version.upper() != b"HTTP/1.1")
    ends = set()
    if clean and lengths:
        ends.add(at + int(lengths[0]))
    elif clean and chunked:
        ends.update(_chunked(stream, at))
    elif clean:
        ends.add(at)
    else:
        ends.add(at)
        for value in lengths:
            ends.update(at + number for number in _numbers(value) if number < 1 << 40)
        ends.update(_chunked(stream, at))
    if expects and (expect_odd or expects > 1 or not continued or version.upper() != b"HTTP/1.1"
                    or any(number > BODY_CEILING for value in lengths for number in _numbers(value))):
        ends.add(at)  # 417 or 413, and the body is the next request
    return ends


def _numbers(value, base=10):
    """Every number that some reader may see in a value."""
    found = {0}
    digits = rb"[0-9a-fA-F]+" if base == 16 else rb"\d+"
    for match in re.finditer(digits, value):
        found.add(int(match.group(), base))
    joined = b"".join(re.findall(digits, value))
    if joined:
        found.add(int(joined, base))
    for other in (8, 16):
        match = re.match(rb"[+-]?(?:0x)?([0-9a-fA-F]+)", value.strip())
        if match and (other == 16 or re.fullmatch(rb"[0-7]+", match.group(1))):
            found.add(int(match.group(1), other))
    found.update([number % (1 << 32) for number in found] + [number % (1 << 64) for number in found])
    return found


def _chunked(stream, at):
    """Offsets behind a chunked body."""
    ends, seen, todo = set(), {at}, [at]
    while todo and len(seen) < READINGS_MAX:
        here = todo.pop()
        line_end = stream.find(b"\n", here)
        if line_end < 0:
            continue
        line = stream[here:line_end]
        clean = re.fullmatch(rb"([0-9a-fA-F]{1,8})\r", line)
        sizes = {int(clean.group(1), 16)} if clean else _numbers(line.partition(b";")[0], 16) | _numbers(line, 16)
        line_ends = {line_end + 1}
        if not clean:
            cr = line.find(b"\r")
            if 0 <= cr < len(line) - 1:
                line_ends.add(here + cr + 1)
        for size in sizes:
            for data in line_ends:
                if size == 0:
                    ends.update(_trailers(stream, data))
                    continue
                behind = data + size
                if behind >= len(stream):
                    continue
                following = {behind + 2} if stream[behind:behind + 2] == b"\r\n" else {behind, behind + 1, behind + 2, stream.find(b"\n", behind) + 1 or behind}
                todo += [place for place in following if place not in seen]
                seen |= following
    return ends


def _trailers(stream, at):
    for lines, behind in _heads(stream, at, False):
        yield behind
        if lines:
            yield at  # a reader that knows no trailers


# ---- real parsers ----

def h11_reader(streams):
    import h11
    return [_h11(h11, stream) for stream in streams]


def _h11(h11, stream):
    found, connection = [], h11.Connection(h11.SERVER)
    try:
        connection.receive_data(stream)
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                if connection.our_state is h11.SEND_RESPONSE and event is h11.PAUSED:
                    connection.send(h11.Response(status_code=200, headers=[("content-length", "0")]))
                    connection.send(h11.EndOfMessage())
                    connection.start_next_cycle()
                    continue
                return found
            if isinstance(event, h11.Request):
                found.append(Request(event.method, event.target, credentials_of([value for name, value in event.headers if name == b"authorization"])))
            elif isinstance(event, h11.ConnectionClosed):
                return found
    except (h11.RemoteProtocolError, h11.LocalProtocolError):
        return found


@functools.cache
def _llhttp_program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="springlatch-oracle-"))
    sources = [LLHTTP / name for name in ("api.c", "http.c", "llhttp.c")]
    subprocess.run(["cc", "-w", "-O1", "-DLLHTTP_STRICT_MODE=1", "-I/usr/share/include/llhttp", HERE / "llhttp_reader.c", *sources, "-o", folder / "llhttp_reader"],
                   check=True, capture_output=True, timeout=600)
    return folder / "llhttp_reader"


def llhttp_reader(streams):
    return _other_process([_llhttp_program()], streams)


def llhttp_lenient_reader(streams):
    return _other_process([_llhttp_program(), "lenient"], streams)


def _other_process(command, streams):
    data = b"".join(struct.pack("!I", len(stream)) + stream for stream in streams)
    done = subprocess.run(command, input=data, capture_output=True, timeout=600, check=True)
    lines = done.stdout.split(b"\n")[:-1]
    if len(lines) != len(streams):
        raise RuntimeError(f"{command[0]} read {len(lines)} of {len(streams)} streams: {done.stderr[-300:]!r}")
    return [[Request(r["method"].encode("latin-1", "replace"), r["target"].encode("utf-8", "replace"), credentials_of(r["authorization"] or []))
             for r in json.loads(line)] for line in lines]


@functools.cache
def _go_program():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="springlatch-oracle-"))
    subprocess.run(["go", "build", "-o", folder / "go_reader", HERE / "go_reader.go"], check=True, capture_output=True, timeout=600)
    return folder / "go_reader"


def go_reader(streams):
    return _other_process([_go_program()], streams)


def node_reader(streams):
    return _other_process(["node", HERE / "node_reader.js"], streams)


@functools.cache
def available():
    """{name: reader of a list of streams} of the real parsers that are on this machine, and {name: why it is not}."""
    readers, missing = {}, {}
    for name, there, reader, cure in (
            ("h11", importlib.util.find_spec("h11") is not None, h11_reader, "the Python package h11"),
            ("llhttp", (LLHTTP / "llhttp.c").exists() and shutil.which("cc"), llhttp_reader, "Debian's node-llhttp, a C compiler"),
            ("llhttp-lenient", (LLHTTP / "llhttp.c").exists() and shutil.which("cc"), llhttp_lenient_reader, "Debian's node-llhttp, a C compiler"),
            ("go", shutil.which("go"), go_reader, "go"), ("node", shutil.which("node"), node_reader, "node")):
        if there:
            readers[name] = reader
        else:
            missing[name] = f"{name} is not there: scripts/setup installs {cure}"
    return readers, missing
