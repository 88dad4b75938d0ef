"""The oracle itself can fail: it sees what real servers were measured to run, and finds the slips of a product that forwards everything."""
import pytest

import checker
import http_cases
import readers
import tcp_cases

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
OUTER = b"POST /outer HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YTpi\r\n"


@pytest.mark.parametrize("name", ["h11", "llhttp", "llhttp-lenient", "go", "node"])
def test_each_real_parser_sees_a_pipelined_request_without_credentials(name):
    everybody, missing = readers.available()
    assert name in everybody, missing[name]
    first, second = everybody[name]([OUTER + b"Content-Length: 3\r\n\r\nabc" + SMUGGLED])[0]
    assert (first.authorised, second.authorised) == (True, False)


# Bytes that Elasticsearch 7.10.2 or OpenSearch 2.19.1 was measured to run as a request without credentials.
@pytest.mark.parametrize("stream", [
    b"GET / HTTP/1.1\nHost: x\n\n", b"\0\1\2GET / HTTP/1.1\r\nHost: x\r\n\r\n", b" GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n", b"GET  /  HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / FOO/1.1\r\nHost: x\r\n\r\n", b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n Authorization: Basic YTpi\r\n\r\n",
    OUTER + b"Content-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, OUTER + b"Content-Length: +0\r\n\r\n" + SMUGGLED,
    OUTER + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + SMUGGLED, OUTER + b"Transfer-Encoding: xchunked\r\n\r\n" + SMUGGLED,
    OUTER + b"Expect: foo\r\nContent-Length: 35\r\n\r\n" + SMUGGLED, OUTER + b"Expect:\r\nContent-Length: 35\r\n\r\n" + SMUGGLED, OUTER + b"Transfer-Encoding: chunked\r\n\r\n0;a=b\n\n" + SMUGGLED,
])
def test_the_lenient_reader_sees_what_the_databases_ran(stream):
    assert any(not request.authorised for request in readers.lenient(stream))


def test_the_lenient_reader_sees_nothing_else_in_legal_streams():
    for number in range(500):
        rng = http_cases.random_for(9, number)
        stream = b"".join(http_cases.legal(rng) for _ in range(3))
        assert all(request.authorised for request in readers.lenient(stream)), stream


def test_a_head_ended_by_a_fin_counts():
    assert readers.lenient(b"GET / HTTP/1.1\r\nHost: x", ended=True)
    assert not readers.lenient(b"GET / HTTP/1.1\r\nHost: x")


@pytest.mark.parametrize("swap", [False, True])
def test_both_values_of_a_position_are_read_unless_the_server_had_acknowledged_it(swap):
    copies = [b"GET / HTTP/1.1\r\nX-Harmless-He: Basic YTpi\r\n\r\n", b"GET / HTTP/1.1\r\nAuthorization: Basic YTpi\r\n\r\n"]
    copies = copies[::-1] if swap else copies
    for acknowledged in False, True:
        builder = tcp_cases.Builder(http_cases.random_for(0, 0), "never")
        builder.handshake()
        builder.client(0, copies[0])
        if acknowledged:
            builder.acknowledge()
        builder.client(0, copies[1])
        found = checker.check(tcp_cases.Case("", False, builder.ops, b"").frames(0), tcp_cases.SERVICES, only=())
        assert bool(found) == (not swap or not acknowledged)


def test_without_a_product_most_attacks_slip():
    cases = [tcp_cases.attack_case(http_cases.random_for(3, number)) for number in range(400)]
    frames = [frame for index, case in enumerate(cases) for frame in case.frames(index)]
    slipped = {violation.client for violation in checker.check(frames, tcp_cases.SERVICES, only=())}
    assert len(slipped) > len(cases) // 2
