"""Client byte streams composed at random: attacks, pairs of an attack and its harmless decoy, and legal but odd requests."""
import random

OUTER = b"Authorization: Basic YTpi"
TARGETS = (b"/", b"/_search", b"/customers/_search?q=*", b"/_cat/indices?v", b"/customers/_doc/1", b"/_bulk", b"/*/_search?size=100&scroll=1m", b"/customers/_doc/a%20b%C3%BC", b"/%3Clogs-%7Bnow%7D%3E/_search")
BLANKS = (b" ", b"\t", b"\v", b"\f", b"\0", b"  ", b"\r", b"\x01", b"\x85", b"\xa0")
ODD_NUMBERS = (b"+%d", b"-%d", b"0x%x", b"%d.0", b"%de0", b"%d %d", b"%d, %d", b"%d,", b"", b" ", b"\t%d", b"%d\t", b"0%d", b"%d\x00", b"%d;a=b", b"%d\xb2",
               b"_%d", b"%d_0", b"'%d'", b"\"%d\"", b"18446744073709551616%d", b"4294967296", b"%d#", b"\v%d", b"0b%d", b"\xef\xbb\xbf%d")
CODINGS = (b"chunked", b"Chunked", b"xchunked", b"chunkedx", b"chunked, identity", b"identity, chunked", b"chunked,chunked", b"\"chunked\"", b"'chunked'", b"identity",
           b"gzip, chunked", b"chunked;a=b", b",chunked", b"chunked,", b"\tchunked", b"\vchunked", b"chunked\v", b"chunked\0", b"chunk\xe9d", b"\xa0chunked", b"",
           b"cow", b"chunked\r\n X", b"\r\n chunked", b"\r\n\tchunked", b" \r\n chunked", b"c\\hunked", b"chunked\t", b"  chunked  ", b"tchunked", b"\x00chunked")
NAMES_OF_CODING = (b"Transfer-Encoding", b"transfer-encoding", b"Transfer-Encoding ", b"Transfer-Encoding\t", b" Transfer-Encoding", b"Transfer_Encoding", b"Transfer Encoding",
                   b"Transfer-Encoding\0", b"X: y\rTransfer-Encoding", b"X: y\nTransfer-Encoding", b"Transfer-Encodin\xe7", b"TE", b"\x00Transfer-Encoding",
                   b"Transfer--Encoding", b"\rTransfer-Encoding", b"Transfer-Encoding\r")
NAMES_OF_LENGTH = (b"Content-Length", b"content-length", b"Content-Length ", b"Content-Length\t", b" Content-Length", b"Content_Length", b"Content Length", b"X: y\rContent-Length",
                   b"X: y\nContent-Length", b"Content-Length\0", b"Content-Length\v", b"\x01Content-Length", b"Content-Lengt\xe8", b"C:ontent-Length", b"Content-Length:")
EXPECTATIONS = (b"100-continue", b"foo", b"", b"100-continue, foo", b"foo, 100-continue", b"100-continue;q=1", b"100-Continue", b"100 continue", b"\"100-continue\"", b"100-continue\t",
                b"\t100-continue", b"100-continue, 100-continue", b"200-ok", b"100-continu\xe9")
SIZES = (b"%x", b"%X", b"0%x", b"0x%x", b"+%x", b"-%x", b" %x", b"%x ", b"\t%x", b"%x\t", b"%x;a=b", b"%x;a=\"b\r\n\"", b"%x;\n", b"%x ; a", b"00000000%x", b"000000000000000000%x", b"%x_0",
         b"1%08x", b"100000000%x", b"ffffffffffffffff", b"%x\0", b"%xg", b"", b"\r\n%x", b"%x\r", b"\n%x", b"%x,a", b"%x\xa0", b"\"%x\"")
VERSIONS = (b"HTTP/1.1", b"HTTP/1.0", b"http/1.1", b"HTTP/1.9", b"HTTP/0.9", b"HTTP/2.0", b"FOO/1.1", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1.1 ", b"HTTP/1.", b"HTTP/1", b"", b"HTTP /1.1",
            b"ICAP/1.0", b"HTTP/1.1\0", b"HTTP/11", b"RTSP/1.0", b"HTTP/1,1")
LINE_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b" \r\n", b"\0\r\n", b"\r\n ", b"\r\0\n", b"\v\r\n", b"\x85")
PREFIXES = (b"", b"", b"\r\n", b"\r\n\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b"\0\1\2", b"\x7f", b"\xef\xbb\xbf", b"a", b"\x16\x03\x01", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", b"\xff", b"0\r\n\r\n", b";")
CREDENTIALS = (b"Authorization : Basic YTpi", b"Authorization\t: Basic YTpi", b" Authorization: Basic YTpi", b"Authorization: ", b"Authorization:", b"Authorization: Basic", b"Authorization: Basic ",
               b"Authorization: Foo YTpi", b"Authorization: YTpi", b"Authorization:\r\n Basic YTpi", b"X: y\r\n Authorization: Basic YTpi", b"X: y\rAuthorization: Basic YTpi",
               b"X: y\nAuthorization: Basic YTpi", b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpj", b"Authorization: Basic YTpi\r\nAuthorization:", b"Authorisation: Basic YTpi",
               b"Authorization\0: Basic YTpi", b"Authorization: Basic Y T", b"Authorization: Basic\tYTpi", b"Authorization: Basic YT\0pi", b"Authorization: Basic YTpi, Basic YTpj",
               b"Proxy-Authorization: Basic YTpi", b"X-Authorization: Basic YTpi", b"Authorization; Basic YTpi", b"Authorization Basic YTpi", b"Authorization: Basic YTpi\r\n X",
               b"Authorization: \x01Basic YTpi", b"Authorization:Basic:YTpi", b"Authorization: Basic \xff\xfe", b"Cookie: Authorization: Basic YTpi", b"Authorization: Digest a=b",
               b"Authorization: Negotiate YTpi", b"Authorization: Basic YTpi\rX: y", b"authorizatioN: bAsIc {}", b"Authorization: Bearer  ", b"Authorization: ApiKey \"x\"")


def number(rng, value):
    text = rng.choice(ODD_NUMBERS)
    return text % ((value,) * text.count(b"%"))


def hidden(rng, target=b"/smuggled"):
    """A request without credentials."""
    return rng.choice((b"GET", b"POST", b"DELETE")) + b" " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n"


def chunk(rng, data, odd):
    size = rng.choice(SIZES) if odd else b"%x"
    size = size % ((len(data),) * size.count(b"%"))
    ends = [rng.choice((b"\r\n", b"\n", b"\r", b"\r\r\n", b"", b"\r\nX", b"XX", b" \r\n")) if odd and rng.random() < 0.3 else b"\r\n" for _ in range(2)]
    return size + ends[0] + data + ends[1]


def chunked_body(rng, inner):
    """A chunked body that may end before, inside or behind `inner`."""
    kind = rng.randrange(5)
    odd = rng.random() < 0.7
    if kind == 0:
        return b"0\r\n\r\n" + inner
    if kind == 1:
        return chunk(rng, inner, odd) + b"0\r\n\r\n"
    if kind == 2:
        return chunk(rng, b"abc", odd) + b"0\r\n" + rng.choice((b"X: y\r\n", b"", b"Content-Length: 5\r\n", b"Authorization: Basic YTpi\r\n", b"\n", b"Transfer-Encoding: chunked\r\n")) + b"\r\n" + inner
    if kind == 3:
        return chunk(rng, inner, True) + inner
    return b"0" + rng.choice((b";a=b", b" ", b";\n", b"\r", b"\0", b"")) + rng.choice((b"\r\n", b"\n")) + rng.choice((b"\r\n", b"\n", b"")) + inner


def outer(rng):
    """An authorised request that hides one without credentials behind its framing."""
    inner = hidden(rng)
    body = rng.choice((inner, b"", b"x=1", chunked_body(rng, inner), chunked_body(rng, inner)))
    rest = b"" if inner in body and rng.random() < 0.5 else inner
    fields = [OUTER]
    lengths = (len(body), len(body) + len(rest), 0, 5, len(body) + 1)
    for _ in range(rng.choice((0, 1, 1, 1, 2))):
        name = rng.choice(NAMES_OF_LENGTH) if rng.random() < 0.4 else b"Content-Length"
        value = rng.choice(lengths)
        fields.append(name + b": " + (number(rng, value) if rng.random() < 0.4 else b"%d" % value))
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        name = rng.choice(NAMES_OF_CODING) if rng.random() < 0.4 else b"Transfer-Encoding"
        fields.append(name + b": " + (rng.choice(CODINGS) if rng.random() < 0.6 else b"chunked"))
    if rng.random() < 0.25:
        fields += [b"Expect: " + rng.choice(EXPECTATIONS) for _ in range(rng.choice((1, 1, 1, 2)))]
    if rng.random() < 0.1:
        fields.append(rng.choice((b"Connection: close", b"Upgrade: h2c", b"Connection: upgrade", b"Connection: Content-Length", b"HTTP2-Settings: AAMAAABkAAQAAP__", b"Content-Encoding: gzip",
                                  b"Connection: keep-alive, Authorization")))
    rng.shuffle(fields)
    method = rng.choice((b"POST", b"POST", b"GET", b"PUT", b"HEAD", b"OPTIONS"))
    version = rng.choice(VERSIONS) if rng.random() < 0.15 else b"HTTP/1.1"
    return method + b" /outer " + version + b"\r\nHost: x\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body + rest


def bare(rng):
    """One request without credentials, misshapen in several places at once."""
    fields = [b"Host: x", b"Accept: */*"]
    if rng.random() < 0.6:
        fields.insert(rng.randrange(3), rng.choice(CREDENTIALS))
    if rng.random() < 0.2:
        fields.append(rng.choice((b"NoColon", b": empty", b"X\0: y", b"X: \0", b"\xe9: x", b"X : y", b" folded", b"A: " + b"a" * rng.choice((4000, 8200, 17000)))))
    method = rng.choice((b"GET", b"GET", b"POST", b"get", b"FOO", b"TRACE", b"CONNECT", b"PRI", b"G\0ET", b"DELETE")) if rng.random() < 0.3 else b"GET"
    blanks = [rng.choice(BLANKS) if rng.random() < 0.2 else b" " for _ in range(2)]
    version = rng.choice(VERSIONS) if rng.random() < 0.4 else b"HTTP/1.1"
    lines = [method + blanks[0] + rng.choice(TARGETS) + (blanks[1] + version if version else b"")] + fields + [b""]
    uniform = rng.choice(LINE_ENDS) if rng.random() < 0.3 else b"\r\n"
    text = b"".join(line + (rng.choice(LINE_ENDS) if rng.random() < 0.1 else uniform) for line in lines)
    return rng.choice(PREFIXES) + text if rng.random() < 0.3 else text


def pipelined(rng):
    parts = [legal(rng) for _ in range(rng.randrange(4))] if rng.random() < 0.9 else [short(rng)] * rng.choice((20, 63, 64, 65, 90))
    parts.insert(rng.randrange(len(parts) + 1), hidden(rng) if rng.random() < 0.6 else bare(rng))
    return b"".join(parts)


def mutated(rng):
    """Any of the above with a few bytes changed, doubled or lost."""
    text = bytearray(rng.choice((outer, bare, pipelined))(rng))
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text))
        kind = rng.randrange(4)
        if kind == 0:
            text[at] = rng.choice(b"\r\n\t \0:,;\x0b0aA\xff")
        elif kind == 1:
            text.insert(at, rng.choice(b"\r\n\t \0:,;\x0b0aA\xff"))
        elif kind == 2:
            del text[at:at + rng.randrange(1, 3)]
        else:
            text[at:at] = text[at:at + rng.randrange(1, 12)]
        text = text or bytearray(b"G")
    return bytes(text)


def foreign(rng):
    return rng.choice((b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(40), b"SSH-2.0-OpenSSH\r\n", b"*1\r\n$4\r\nINFO\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
                       b"ES\0\0\0\x2c" + bytes(44), b"\0\0\0\x08\x04\xd2\x16\x2f", b"EHLO x\r\n", b"GET /\r\n", b"GET /\n", b"PROXY TCP4 1.1.1.1 1.1.1.1 1 1\r\n" + hidden(rng), bytes(rng.randrange(256) for _ in range(30))))


ATTACKS = (outer, outer, outer, bare, bare, pipelined, mutated, mutated, foreign)


def attack(rng):
    return rng.choice(ATTACKS)(rng)


def pair(rng):
    """(stream without credentials, decoy of the same length with them): what differs is one header line or the body's length."""
    kind = rng.randrange(4)
    tail = b"Host: x\r\n" + b"A: " + b"a" * rng.randrange(40) + b"\r\n\r\n"
    head = b"GET " + rng.choice(TARGETS) + b" HTTP/1.1\r\n"
    if kind == 0:
        return head + b"X-Harmless-He: Basic YTpi\r\n" + tail, head + b"Authorization: Basic YTpi\r\n" + tail
    inner = hidden(rng)
    if kind == 1:
        start = b"POST /outer HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\nContent-Length: "
        return start + b"00\r\n\r\n" + inner, start + b"%02d\r\n\r\n" % len(inner) + inner
    if kind == 2:
        start = b"POST /outer HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
        return start + b"00\r\n\r\n" + inner + b"\r\n0\r\n\r\n", start + b"%02x\r\n" % (len(inner) + 2) + b"\r\n" + inner + b"\r\n0\r\n\r\n"
    start = b"GET / HTTP/1.1\r\nHost: x\r\n" + OUTER + b"\r\n"
    return start + b"\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n", start + b"XXGET: hidden HTTP/1.1YYHost: x\r\n\r\n"


# ---- legal but odd ----

def credentials(rng):
    name = rng.choice((b"Authorization", b"authorization", b"AUTHORIZATION", b"aUTHORIZATION"))
    value = rng.choice((b"Basic YTpi", b"basic YTpi", b"Bearer abc.def-ghi_jkl~+/==", b"ApiKey dGVzdDp0ZXN0", b"BASIC " + b"YTpi" * rng.randrange(1, 60)))
    return name + rng.choice((b": ", b":", b":  ")) + value + rng.choice((b"", b"", b" "))


def field(rng):
    return rng.choice((b"Accept: */*", b"Accept-Encoding: gzip, deflate, br", b"User-Agent: curl/8.0", b"X-Empty:", b"X-Blank:   ", b"Cookie: a=b; c=\"d\"; e=" + b"f" * rng.randrange(2000), b"X-8bit: caf\xc3\xa9 \xff\x80",
                       b"X-Tab: a\tb", b"kbn-xsrf: true", b"Connection: keep-alive", b"x.-_~!#$%&'*+^`|y: 1", b"Referer: http://x/?a=b:c", b"X-Colon: a:b: c", b"X-Hidden: GET /smuggled HTTP/1.1", b"Accept-Language: de;q=0.7,*;q=0.1",
                       b"X-Opaque-Id: 1", b"Content-Type: application/json", b"Cache-Control: no-cache", b"DNT: 1", b"X-A: " + b"a" * rng.randrange(300), b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))


def short(rng):
    return b"GET /_cat/health HTTP/1.1\r\nHost: x\r\n" + credentials(rng) + b"\r\n\r\n"


def legal(rng, expect=False):
    """One authorised request that no reader reads differently."""
    fields = [field(rng) for _ in range(rng.choice((0, 1, 3, 6, 12)))] + [credentials(rng), rng.choice((b"Host: x", b"host:x:9200", b"Host: [2001:db8::10]:9200"))]
    method = rng.choice((b"GET", b"GET", b"POST", b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH"))
    body = b""
    kind = rng.randrange(4) if method in (b"POST", b"PUT", b"DELETE", b"PATCH") or rng.random() < 0.2 and method == b"GET" else 0
    data = rng.choice((b"", b"{}", hidden(rng), bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200))), b"{\"a\":1}\n" * rng.randrange(1, 300), b"0\r\n\r\n" + hidden(rng)))
    if expect:
        data = data or b"{}"
    if kind == 1 or expect:
        fields.append(rng.choice((b"Content-Length: ", b"content-length:", b"CONTENT-LENGTH:  ")) + rng.choice((b"%d", b"%d", b"%d ", b"0%d")) % len(data))
        body = data
    elif kind == 2:
        fields.append(rng.choice((b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding: Chunked")))
        while data:
            size = rng.randrange(1, len(data) + 1)
            body += rng.choice((b"%x", b"%X", b"%04x", b"%08X")) % size + b"\r\n" + data[:size] + b"\r\n"
            data = data[size:]
        body += rng.choice((b"0", b"0", b"000")) + b"\r\n" + rng.choice((b"", b"", b"", b"X-Checksum: abc\r\n", b"Server-Timing: db;dur=53\r\nX-T:\r\n")) + b"\r\n"
    elif kind == 3:
        fields.append(b"Content-Length: 0")
    if expect:
        fields.append(rng.choice((b"Expect: 100-continue", b"expect: 100-Continue")))
    rng.shuffle(fields)
    target = rng.choice(TARGETS) if method != b"OPTIONS" else rng.choice((b"*", b"/"))
    if rng.random() < 0.1 and target != b"*":
        target += (b"&" if b"?" in target else b"?") + rng.choice((b"a=%20b", b"q=a/b?c", b"filter_path=hits.hits._source,took", b"a=1&a=2", b"x=" + b"y" * 1500, b"q=../..//;x", b"q=%2e%2e%2f%00%0d%0aGET%20/", b"q=GET+/smuggled+HTTP/1.1"))
    if rng.random() < 0.05 and target != b"*":
        target = b"http://x:9200" + target
    version = b"HTTP/1.1"
    if kind != 2 and not expect and rng.random() < 0.05:
        version = b"HTTP/1.0"
        fields.append(rng.choice((b"Connection: keep-alive", b"connection: Keep-Alive")))
    return rng.choice((b"",) * 9 + (b"\r\n",)) + method + b" " + target + b" " + version + b"\r\n" + b"\r\n".join(fields) + b"\r\n\r\n" + body


def random_for(seed, number_of_case):
    return random.Random(seed * 1_000_003 + number_of_case)
