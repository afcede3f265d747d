"""A text that ends before its first stop sequence, for an engine that leaves it in."""

from collections.abc import Sequence

from msgspec.structs import replace

from _llamagate.exchange import Event, Finish, Text


class Until:
    """What may be the beginning of a stop sequence is held back until more is known."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self._found = ""

    def feed(self, events: list[Event]) -> list[Event]:
        if not self._stops:
            return events
        kept: list[Event] = []
        for event in events:
            if isinstance(event, Text):
                event = replace(event, text=self._before(event.text))
                if event.text:
                    kept.append(event)
            elif isinstance(event, Finish):
                kept += self._end(event)
            else:
                kept.append(event)
        return kept

    def _before(self, text: str) -> str:
        if self._found:
            return ""
        text = self._held + text
        ends = [(at + len(stop), at, stop) for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            _, at, self._found = min(ends)  # an engine stops at the first that is complete
            self._held = ""
            return text[:at]
        safe = len(text) - max(_overlap(text, stop) for stop in self._stops)
        self._held = text[safe:]
        return text[:safe]

    def _end(self, finish: Finish) -> list[Event]:
        if self._found and finish.reason in ("stop", "length"):
            return [replace(finish, reason="stop_sequence", stop_sequence=self._found)]
        held, self._held = self._held, ""
        return [Text(held), finish] if held else [finish]


def _overlap(text: str, stop: str) -> int:
    """How much of the end of a text is the beginning of a stop sequence."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
