"""What happens to every request, in order, through whichever door it came."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, TypeVar

from _llamagate.call import Answer, Asked, Mounted
from _llamagate.exchange import Call
from _llamagate.middlewares.access_log import CLIENT_LEFT, AccessLog
from _llamagate.middlewares.errors import answer_for
from _llamagate.middlewares.request_id import Begin

Step: TypeAlias = Callable[[Asked, Mounted, Call], Answer | None]


class HasStatus(Protocol):
    @property
    def status(self) -> int: ...


Given = TypeVar("Given", bound=HasStatus)
Given_co = TypeVar("Given_co", bound=HasStatus, covariant=True)


class Visit(Protocol[Given_co]):
    """One request at its door."""

    @property
    def asked(self) -> Asked: ...
    @property
    def route(self) -> Mounted: ...
    @property
    def begun(self) -> bool:
        """Is the head of the answer out?"""
        ...

    def carries(self, call: Call) -> None: ...
    async def handle(self, call: Call) -> Given_co: ...
    def give(self, answer: Answer) -> Given_co: ...


class Passage:
    """A step that returns an answer ends the request with it."""

    def __init__(self, begin: Begin, access_log: AccessLog, steps: Sequence[Step]) -> None:
        self._begin = begin
        self._access_log = access_log
        self._steps = steps

    async def __call__(self, visit: Visit[Given]) -> Given:
        asked, route = visit.asked, visit.route
        call = self._begin(asked)
        visit.carries(call)
        self._access_log.opened(route, call)
        status = CLIENT_LEFT
        try:
            for step in self._steps:
                if ended := step(asked, route, call):
                    given = visit.give(ended)
                    break
            else:
                given = await visit.handle(call)
            status = given.status
        except BaseException as error:
            answer = answer_for(error, asked, route, call)
            if answer is None:
                raise
            status = answer.status
            if visit.begun:  # to break off is all that can still be said
                raise
            given = visit.give(answer)
        finally:
            self._access_log.closed(asked, route, call, status)
        return given
