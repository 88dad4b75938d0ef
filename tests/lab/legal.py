"""Odd but legal connections, made by hand like the attacks: what the database executes over a straight wire it must execute through the appliance."""
import http_cases
import tcp_cases
from attacker import ANSWER


def cases(seed, count):
    return [tcp_cases.legal_case(http_cases.random_for(seed, number)) for number in range(count)]


def results(outcomes, executed):
    """[(what was executed, number of answers)] of each."""
    return [([(request.method, request.uri) for request in executed.get(outcome.client, ())], len(ANSWER.findall(outcome.answers))) for outcome in outcomes]


def lost(there, expected):
    """Whether something of `expected`, what the straight wire showed, is missing. Hand-made clients lose an answer now and then, over the wire too; the appliance can't
    make one up, so more than the wire is no loss."""
    executed, answers = there
    left = iter(executed)
    return answers < expected[1] or not all(request in left for request in expected[0])
