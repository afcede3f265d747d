"""One thing that the doctor looked at, and what was found."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    level: str  # ok, warn, fail
    subject: str
    text: str  # what is so, and, where it is not well, what to do


def ok(subject: str, text: str) -> Finding:
    return Finding("ok", subject, text)


def warn(subject: str, text: str) -> Finding:
    return Finding("warn", subject, text)


def fail(subject: str, text: str) -> Finding:
    return Finding("fail", subject, text)
