"""The parts of a message: text, pictures and sound, and the arguments of calls."""

from typing import TypeAlias

from msgspec import Struct

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import AudioPart, ImagePart, TextPart
from _llamagate.exchange import Part as NeutralPart
from _llamagate.wires.arguments import parse_arguments
from _llamagate.wires.body import check_base64


class _Text(Struct, tag_field="type", tag="text"):
    text: str


class _Refusal(Struct, tag_field="type", tag="refusal"):
    refusal: str


class _ImageUrl(Struct):
    url: str
    detail: str | None = None


class _Image(Struct, tag_field="type", tag="image_url"):
    image_url: _ImageUrl | str


class _InputAudio(Struct):
    data: str
    format: str = ""


class _Audio(Struct, tag_field="type", tag="input_audio"):
    input_audio: _InputAudio


class _File(Struct, tag_field="type", tag="file"):
    pass


Part: TypeAlias = _Text | _Refusal | _Image | _Audio | _File
Texts: TypeAlias = str | list[str | int | list[int]] | None
Content: TypeAlias = str | tuple[NeutralPart, ...]


def parse_parts(parts: list[Part], path: str) -> Content:
    """Text alone is joined; pictures and sound keep their places between the texts."""
    found: list[NeutralPart] = []
    for index, part in enumerate(parts):
        match part:
            case _Text():
                found.append(TextPart(part.text))
            case _Refusal():
                found.append(TextPart(part.refusal))
            case _Image():
                url = part.image_url if isinstance(part.image_url, str) else part.image_url.url
                found.append(parse_image(url, f"{path}[{index}].image_url.url"))
            case _Audio():
                sound = part.input_audio
                check_base64(sound.data, f"{path}[{index}].input_audio.data")
                found.append(AudioPart(sound.data, sound.format))
            case _File():
                raise InvalidRequest(
                    "Files cannot be read here: send their text.", param=f"{path}[{index}].type"
                )
    if all(isinstance(part, TextPart) for part in found):
        return "".join(part.text for part in found if isinstance(part, TextPart))
    return tuple(found)


def parse_texts(found: Texts, param: str, most: int) -> tuple[str, ...]:
    """One text, or several."""
    if found is None:
        raise InvalidRequest(f"Missing required parameter: '{param}'.", param=param)
    given = [found] if isinstance(found, str) else found
    texts = tuple(text for text in given if isinstance(text, str))
    if len(texts) != len(given):
        raise InvalidRequest(
            "Token arrays cannot be read here: engines tokenize in their own ways. Send text.",
            param=param,
        )
    if not 1 <= len(texts) <= most:
        raise InvalidRequest(f"'{param}' can hold 1 to {most} texts.", param=param)
    return texts


def parse_image(url: str, param: str) -> ImagePart:
    """Only data URLs: an address would make the gateway fetch what a client chooses."""
    if not url.startswith("data:"):
        raise InvalidRequest(
            "Remote images are not fetched: send the picture as a data URL "
            "(data:image/png;base64,...).",
            param=param,
        )
    head, comma, data = url[5:].partition(",")
    media_type, *options = head.split(";")
    if not comma or "base64" not in options:
        raise InvalidRequest("The data URL is not one of base64 data.", param=param)
    check_base64(data, param)
    return ImagePart(data, media_type)


def check_arguments(text: str, param: str) -> None:
    """Ollama needs the arguments of earlier calls as an object."""
    if parse_arguments(text) is None:
        raise InvalidRequest(f"'{param}' must be the text of a JSON object.", param=param)
