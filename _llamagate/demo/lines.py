"""A speech in the lines of Ollama's two paths, /api/chat and /api/generate."""

import time
from typing import Any

from _llamagate.demo.models import stamp
from _llamagate.demo.speech import Ask, compose, tokens

Line = dict[str, Any]


class Answer:
    """What is said to one request, streamed or whole."""

    def __init__(self, ask: Ask, *, chat: bool) -> None:
        self._ask = ask
        self._chat = chat
        self._began = time.perf_counter_ns()
        self._speech = compose(ask)

    def loaded(self, *, still: bool) -> Line:
        """To a request that says nothing: it loads the model, or unloads it."""
        return self._line() | {"done": True, "done_reason": "load" if still else "unload"}

    def lines(self) -> list[Line]:
        """A line for each token, all but the last one."""
        thoughts = [self._line(thinking=token) for token in self._speech.thoughts]
        return thoughts + [self._line(token) for token in self._speech.words]

    def whole(self) -> Line:
        return self.last("".join(self._speech.words), "".join(self._speech.thoughts))

    def last(self, text: str = "", thinking: str = "") -> Line:
        """The line that ends it. Tool calls come here, as with most models of Ollama."""
        took = time.perf_counter_ns() - self._began
        spoken = len(self._speech.thoughts) + len(self._speech.words)
        return self._line(text, thinking, self._speech.calls) | {
            "done": True,
            "done_reason": self._speech.reason,
            "total_duration": took,
            "load_duration": 1_000_000,
            "prompt_eval_count": self._ask.prompt_tokens,
            "prompt_eval_duration": 1_000_000,
            "eval_count": spoken + 1,  # the end of a turn is a token too
            "eval_duration": max(took - 2_000_000, 1),
        }

    def _line(self, text: str = "", thinking: str = "", calls: list[Line] | None = None) -> Line:
        said: Line = {"role": "assistant", "content": text} if self._chat else {"response": text}
        if thinking:
            said["thinking"] = thinking
        if calls:
            said["tool_calls"] = calls
        line: Line = {"model": self._ask.model, "created_at": stamp(time.time())}
        line |= {"message": said} if self._chat else said
        line["done"] = False
        if self._ask.logprobs and (text or thinking):
            sure = tokens(thinking) + tokens(text)
            line["logprobs"] = [_logprob(token, self._ask.top_logprobs) for token in sure]
        return line


def _logprob(token: str, top: int) -> Line:
    """As sure as only a demo can be."""
    entry: Line = {"token": token, "logprob": -0.01, "bytes": list(token.encode())}
    if not top:
        return entry
    others = [f"{token}{number}" for number in range(1, top)]
    ranked = [
        {"token": other, "logprob": -4.0 - place, "bytes": list(other.encode())}
        for place, other in enumerate(others)
    ]
    return entry | {"top_logprobs": [entry, *ranked]}
