"""How many tokens a prompt has: an estimate, taught by every count that an engine reports."""

from dataclasses import dataclass

from _llamagate.engines.pool import Pool
from _llamagate.exchange import Call, Chat
from _llamagate.gateway.resolve import find, resolve
from _llamagate.models import Names
from _llamagate.wires.estimate import Estimator, Measure, measure


@dataclass(frozen=True, slots=True)
class CountTokens:
    names: Names
    pool: Pool
    estimator: Estimator

    async def __call__(self, chat: Chat, call: Call) -> int:
        """For a prompt that is not asked. Raises what asking it would raise."""
        await find(self.pool, resolve(self.names, self.pool, chat.model, call))
        return self.estimator.estimate(call.model, measure(chat))

    def follow(self, chat: Chat, call: Call) -> "Followed":
        """A prompt that is being asked, whose true count will teach."""
        return Followed(self.estimator, call, measure(chat))


@dataclass(frozen=True, slots=True)
class Followed:
    estimator: Estimator
    call: Call
    prompt: Measure

    @property
    def estimate(self) -> int:
        return self.estimator.estimate(self.call.model, self.prompt)

    def learn(self) -> None:
        """When the answer is over. A prompt that was cut to fit teaches nothing."""
        if not self.call.context_full:
            self.estimator.learn(self.call.model, self.prompt, self.call.usage.prompt)
