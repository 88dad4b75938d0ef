"""Odd but legal connections, made by hand like the attacks: what the database executes must be what it executes over a straight wire."""
import http_cases
import tcp_cases
from attacker import ANSWER


def cases(seed, count):
    return [tcp_cases.legal_case(http_cases.random_for(seed, number)) for number in range(count)]


def results(outcomes, executed):
    """[(what was executed, number of answers)] of each."""
    return [([(request.method, request.uri) for request in executed.get(outcome.client, ())], len(ANSWER.findall(outcome.answers))) for outcome in outcomes]
