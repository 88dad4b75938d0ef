"""Variants of the corpus' requests: what was kept aside from it may look like any of them.

    python3 tests/oracle/mutate.py --cases 10000 --seed 1

Each variant is a request of the corpus (or of its authorised-outer part) with names in another case, headers in another order, doubled, blanked or
borrowed from another case, another method, target, line end or version, credentials added at any place, a request hidden in its body or behind it, a
request in front of it. Two judgements by the corpus' scoring rule:
  SAFE    whatever left: no reader sees a request without credentials in it; and if everything left, all readers see the same requests in it
  USEFUL  a variant of a `must_forward` case that the standard says is the same request leaves whole
"""
import base64
import random
import re

import command
import corpus
import http_cases
import readers
import tcp_cases

TARGETS = (b"/", b"/_search", b"/customers/_search?q=a%20b", b"/_cat/indices?v", b"*", b"http://x:9200/_search", b"//_search", b"/a/../_search", b"/%2e%2e/_search", b"/_search;a=b",
           b"/_search#x", b"/%2A/_search", b"_search", b"/_search%00", b"/\xff", b"", b"/a b", b"x:9200", b"/" + b"a" * 5000)
METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT", b"PRI", b"get", b"FOO", b"M-SEARCH", b"SOURCE", b"PROPFIND", b"GET\t", b"")
BORROWED = (b"Expect: 100-continue", b"Connection: close", b"Connection: keep-alive, Transfer-Encoding", b"Upgrade: websocket", b"TE: trailers", b"Trailer: Authorization", b"Content-Encoding: gzip", b"Host: y",
            b"Transfer-Encoding: chunked", b"Content-Length: 0", b"Content-Length: 5", b"X-HTTP-Method-Override: DELETE", b"Proxy-Connection: keep-alive", b"Keep-Alive: timeout=5", b"Range: bytes=0-1",
            b"Content-Type: multipart/byteranges; boundary=x", b"Max-Forwards: 0", b"Via: 1.1 x", b"Forwarded: for=1.2.3.4", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")


def split(text):
    """(lines of the head with their ends, the rest) as the laxest reader sees them."""
    end = re.search(rb"\n\r?\n", text.lstrip(b"\r\n"))
    if end is None:
        return text.splitlines(True), b""
    place = len(text) - len(text.lstrip(b"\r\n")) + end.end()
    return text[:place].splitlines(True), text[place:]


def other_case(rng, name):
    return rng.choice((bytes.upper, bytes.lower, bytes.swapcase, bytes.title))(name)


def change(rng, text, others):
    """One mutation."""
    lines, body = split(text)
    if not lines:
        return text + b"x"
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    headers = [place for place in range(first + 1, len(lines)) if lines[place].strip()]
    kind = rng.randrange(18)
    if kind == 0 and headers:
        place = rng.choice(headers)
        name, colon, value = lines[place].partition(b":")
        lines[place] = other_case(rng, name) + colon + value
    elif kind == 1 and len(headers) > 1:
        a, b = rng.sample(headers, 2)
        lines[a], lines[b] = lines[b], lines[a]
    elif kind == 2 and headers:
        lines.insert(rng.choice(headers), lines[rng.choice(headers)])
    elif kind == 3 and headers:
        place = rng.choice(headers)
        name, colon, value = lines[place].partition(b":")
        blank = rng.choice((b"", b" ", b"\t", b"  ", b"\v", b"\0", b"\r\n ", b"\xa0"))
        lines[place] = rng.choice((name + blank + colon + value, name + colon + blank + value, name + colon + value.rstrip(b"\r\n") + blank + b"\r\n", blank + lines[place]))
    elif kind == 4:
        words = lines[first].split(b" ")
        words[0] = rng.choice(METHODS)
        lines[first] = b" ".join(words)
    elif kind == 5:
        words = lines[first].split(b" ")
        if len(words) > 2:
            words[1] = rng.choice(TARGETS)
        lines[first] = b" ".join(words)
    elif kind == 6:
        lines[first] = re.sub(rb"HTTP/1\.[01]", lambda _: rng.choice(http_cases.VERSIONS), lines[first])
    elif kind == 7:
        place = rng.randrange(len(lines))
        lines[place] = lines[place].rstrip(b"\r\n") + rng.choice(http_cases.LINE_ENDS)
    elif kind == 8:
        lines.insert(rng.choice(headers or [len(lines)]), rng.choice(BORROWED) + b"\r\n")
    elif kind == 9:
        donor, _ = split(rng.choice(others))
        lines.insert(rng.choice(headers or [len(lines)]), rng.choice(donor or [b"X: y\r\n"]))
    elif kind == 10:
        lines.insert(first + 1 + rng.randrange(len(headers) + 1), rng.choice((b"Authorization: Basic YTpi", b"authorization:Bearer x.y", rng.choice(http_cases.CREDENTIALS))) + b"\r\n")
    elif kind == 11:
        body = rng.choice((body + http_cases.hidden(rng), http_cases.hidden(rng) + body, http_cases.chunked_body(rng, http_cases.hidden(rng))))
    elif kind == 12:
        inner = http_cases.hidden(rng)
        lines.insert(first + 1, b"Content-Length: %d\r\n" % rng.choice((len(body), len(body) + len(inner), len(inner))))
        body += inner
    elif kind == 13:
        return http_cases.legal(rng) + text
    elif kind == 14:
        return text + rng.choice(others)
    elif kind == 15:
        name = rng.choice((rng.choice(http_cases.NAMES_OF_CODING) + b": " + rng.choice(http_cases.CODINGS), rng.choice(http_cases.NAMES_OF_LENGTH) + b": " + http_cases.number(rng, len(body)),
                           b"Expect: " + rng.choice(http_cases.EXPECTATIONS)))
        lines.insert(rng.choice(headers or [len(lines)]), name + b"\r\n")
    elif kind == 16 and headers:
        del lines[rng.choice(headers)]
    elif kind == 17:
        changed = bytearray(text)
        at = rng.randrange(len(changed))
        changed[at:at + rng.randrange(2)] = bytes((rng.choice(b"\r\n\t \0:,;\x0b0aA\xff"),))
        return bytes(changed) or b"x"
    return b"".join(lines) + body


def same_request(rng, text):
    """A head that RFC 9110 and 9112 call the same request: names in any case, blanks around values, fields of different names in any order, further fields."""
    lines, body = split(text)
    first = next(place for place, line in enumerate(lines) if line.strip())
    headers = [line for line in lines[first + 1:] if line.strip()]
    for place, line in enumerate(headers):
        name, _, value = line.partition(b":")
        if rng.random() < 0.5:
            name = other_case(rng, name)
        framing = name.lower() in (b"transfer-encoding", b"content-length", b"expect", b"authorization", b"connection")  # some readers balk at a tab there
        value = value.strip(b" \t\r\n")
        headers[place] = name + b":" + rng.choice((b"", b" ", b" ") if framing else (b"", b" ", b"  ", b"\t")) + value + rng.choice((b"", b"", b" ")) + b"\r\n"
    headers += [http_cases.field(rng) + b"\r\n" for _ in range(rng.randrange(4))]
    names = [line.partition(b":")[0].lower() for line in headers]
    if len(set(names)) == len(names):
        rng.shuffle(headers)
    return b"".join(lines[:first + 1]) + b"".join(headers) + b"\r\n" + body


def single(case):
    """A must_forward case of one request, by its own words and with a whole body."""
    lines, body = split(base64.b64decode(case["request_b64"]))
    head = b"".join(lines).lower()
    if head.count(b"http/1.") != 1 or b"\r\nconnection: close" in head or b"http/1.0" in head:
        return False
    length = re.search(rb"\r\ncontent-length:\s*(\d+)\s*\r\n", head)
    if b"transfer-encoding" in head:
        return body.endswith(b"\r\n\r\n") and body.count(b"0\r\n") == 1
    return len(body) == (int(length.group(1)) if length else 0)


def variants(count, seed):
    """[(name, stream, useful?)]"""
    cases = corpus.load("requests.jsonl")
    raw = [(case["id"], base64.b64decode(case["request_b64"])) for case in cases + corpus.load("authorised-outer-hidden-inner.jsonl")]
    others = [text for _, text in raw if text]
    good = [(case["id"], base64.b64decode(case["request_b64"])) for case in cases if case["class"] == "must_forward" and single(case)]
    result = []
    for number in range(count):
        rng = random.Random(seed * 1_000_003 + number)
        if good and rng.random() < 0.15:
            name, text = rng.choice(good)
            stream = b"".join(same_request(rng, corpus.with_credentials(text, True)) for _ in range(1 if b"100-continue" in text.lower() else rng.choice((1, 1, 2, 3))))
            result.append((name, stream, True))
            continue
        name, text = rng.choice(raw)
        if rng.random() < 0.6:
            text = corpus.with_credentials(text, False)
        for _ in range(rng.choice((1, 1, 2, 3, 5))):
            text = change(rng, text, others) or b"x"
        result.append((name, text[:60_000], False))
    return result


def disagreement(requests_by_reader):
    """What some reader sees and another does not, or ''. A reader that stopped early (a stricter one) is not believed against the others."""
    lists = {name: [(r.method, r.target) for r in requests] for name, requests in requests_by_reader.items()}
    longest = max(lists.values(), key=len, default=[])
    for name, seen in lists.items():
        if seen != longest[:len(seen)]:
            return f"{name} sees {seen[:4]}, another {longest[:4]}"
    return ""


def run(count, seed, folder, report=print, batch=4000, mistakes_max=10):
    mistakes, useful, wanted = 0, 0, 0
    work = variants(count, seed)
    for start in range(0, len(work), batch):
        part = work[start:start + batch]
        streams = [stream for _, stream, _ in part]
        places = [random.Random(seed + start + number) for number in range(len(part))]

        def cuts(index, stream):
            rng = places[index]
            return [()] + ([tuple(sorted({rng.randrange(1, len(stream)) for _ in range(rng.choice((1, 2, 5)))}))] if len(stream) > 1 else [])

        results = corpus.outcomes(streams, tcp_cases.POLICY, folder, cuts)
        told = corpus.readings({text for result in results for text, _ in result if text})
        for (name, stream, is_useful), result in zip(part, results):
            wrong = []
            for text, refused in result:
                if not text:
                    continue
                seen = {"lenient": readers.lenient(text, False, b"100-continue" in text.lower()), **told[text]}
                wrong += [f"{reader} sees {r.method!r} {r.target!r} without credentials" for reader, requests in seen.items() for r in requests if not r.authorised]
                if text == stream and not refused:
                    wrong += filter(None, [disagreement(told[text])])
            if is_useful:
                wanted += 1
                if all(text == stream and not refused for text, refused in result):
                    useful += 1
                else:
                    wrong.append("did not leave whole")
            if wrong:
                mistakes += 1
                if mistakes <= mistakes_max:
                    report(f"variant of {name}: {wrong[0]}: {stream[:600]!r}")
    report(f"{len(work)} variants of seed {seed}, {useful} of {wanted} same requests left, {mistakes} mistakes")
    return mistakes


if __name__ == "__main__":
    command.run_by_hand(run, __doc__)
