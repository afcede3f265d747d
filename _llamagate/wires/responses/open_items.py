"""The item of the output that is being written: what opens it, what closes it, and itself as it
stands. The three kinds differ in their events and in nothing else."""

from typing import ClassVar, TypeAlias

from _llamagate.exchange import Fields
from _llamagate.ids import secret_id
from _llamagate.wires.responses.reply import (
    call_item,
    message_item,
    reasoning_item,
    summary_part,
    text_part,
)

Events: TypeAlias = list[tuple[str, Fields]]  # without their numbers


class OpenItem:
    delta: ClassVar[str]  # the event that brings the next piece
    part: ClassVar[Fields]  # where in the item the pieces go

    def __init__(self, id: str, index: int) -> None:
        self.id = id
        self.index = index
        self.said: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.said)

    @property
    def place(self) -> Fields:
        return {"item_id": self.id, "output_index": self.index, **self.part}

    def item(self, status: str) -> Fields:
        raise NotImplementedError

    def opening(self) -> Events:
        return [self._whole("response.output_item.added", "in_progress")]

    def closing(self, status: str) -> Events:
        return [self._whole("response.output_item.done", status)]

    def _whole(self, event: str, status: str) -> tuple[str, Fields]:
        return event, {"output_index": self.index, "item": self.item(status)}


class OpenMessage(OpenItem):
    delta = "response.output_text.delta"
    part: ClassVar[Fields] = {"content_index": 0}

    def __init__(self, index: int) -> None:
        super().__init__(secret_id("msg_"), index)
        self.logprobs: list[Fields] = []

    def item(self, status: str) -> Fields:
        return message_item(self.id, self.text, self.logprobs, status=status)

    def opening(self) -> Events:
        event, fields = self._whole("response.output_item.added", "in_progress")
        fields["item"] = {**self.item("in_progress"), "content": []}
        part = {**self.place, "part": text_part("", [])}
        return [(event, fields), ("response.content_part.added", part)]

    def closing(self, status: str) -> Events:
        done = {"text": self.text, "logprobs": self.logprobs}
        part = text_part(self.text, self.logprobs)
        return [
            ("response.output_text.done", self.place | done),
            ("response.content_part.done", self.place | {"part": part}),
            *super().closing(status),
        ]


class OpenReasoning(OpenItem):
    delta = "response.reasoning_summary_text.delta"
    part: ClassVar[Fields] = {"summary_index": 0}

    def __init__(self, index: int, *, sealed: bool) -> None:
        super().__init__(secret_id("rs_"), index)
        self._sealed = sealed

    def item(self, status: str) -> Fields:
        return reasoning_item(self.id, self.text, sealed=self._sealed)

    def opening(self) -> Events:
        empty = {"id": self.id, "type": "reasoning", "summary": []}
        part = {**self.place, "part": summary_part("")}
        return [
            ("response.output_item.added", {"output_index": self.index, "item": empty}),
            ("response.reasoning_summary_part.added", part),
        ]

    def closing(self, status: str) -> Events:
        part = summary_part(self.text)
        return [
            ("response.reasoning_summary_text.done", self.place | {"text": self.text}),
            ("response.reasoning_summary_part.done", self.place | {"part": part}),
            *super().closing(status),
        ]


class OpenCall(OpenItem):
    delta = "response.function_call_arguments.delta"
    part: ClassVar[Fields] = {}

    def __init__(self, index: int, name: Fields, call_id: str) -> None:
        super().__init__(secret_id("fc_"), index)
        self._name = name
        self._call_id = call_id

    def item(self, status: str) -> Fields:
        return call_item(self.id, self._call_id, self._name, self.text, status=status)

    def closing(self, status: str) -> Events:
        done = {"name": self._name["name"], "arguments": self.text}
        return [
            ("response.function_call_arguments.done", self.place | done),
            *super().closing(status),
        ]
