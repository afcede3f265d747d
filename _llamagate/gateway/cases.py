"""All use cases of one gateway, for those who build what stands in front of them."""

from dataclasses import dataclass

from _llamagate.gateway.count import CountTokens
from _llamagate.gateway.embed import EmbedTexts
from _llamagate.gateway.generate import Generate
from _llamagate.gateway.load import LoadModels
from _llamagate.gateway.models import ListModels
from _llamagate.gateway.relay import Relay
from _llamagate.gateway.show import ShowModel
from _llamagate.gateway.version import EngineVersion


@dataclass(frozen=True, slots=True)
class UseCases:
    generate: Generate
    embed: EmbedTexts
    list_models: ListModels
    load: LoadModels
    show: ShowModel
    version: EngineVersion
    count: CountTokens
    relay: Relay
