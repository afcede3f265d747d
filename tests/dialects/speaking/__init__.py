"""Every dialect as its clients speak it: how something is asked, and what an answer says.

A `Wish` and what was `Said` are in no dialect's words, so one table can hold them all to the same.
"""

from tests.dialects.speaking.anthropic import Messages
from tests.dialects.speaking.dialect import CITY, FUNCTION, PARIS, Dialect, Said, Wish
from tests.dialects.speaking.egollama import EgoLlamaChatEvents, EgoLlamaChats, EgoLlamaTexts
from tests.dialects.speaking.ollama import AIGatewayChats, AIGatewayTexts, OllamaChats, OllamaTexts
from tests.dialects.speaking.openai import Chats, Texts
from tests.dialects.speaking.responses import Responses

__all__ = ["CITY", "DIALECTS", "FUNCTION", "PARIS", "Dialect", "Said", "Wish", "spelt"]

DIALECTS: tuple[Dialect, ...] = (
    Chats(),
    Texts(),
    Responses(),
    Messages(),
    OllamaChats(),
    OllamaTexts(),
    EgoLlamaTexts(),
    EgoLlamaChats(),
    EgoLlamaChatEvents(),
    AIGatewayChats(),
    AIGatewayTexts(),
)


def spelt(value: object) -> str:
    """A parameter's value in the name of a test."""
    if isinstance(value, Dialect):
        return value.name
    return {True: "stream", False: "plain"}[value] if isinstance(value, bool) else str(value)
