"""EgoLlama's bodies: what they become, and which are refused."""

from typing import Any

import orjson
import pytest

from _llamagate.errors import InvalidRequest
from _llamagate.exchange import Finish, Message, Model, Reply, Resident, Usage
from _llamagate.wires import egollama as wire


def generate(**body: Any) -> wire.AskedText:
    return wire.parse_generate({"prompt": "Hi"} | body)


def generated(seconds: float = 2.345, tokens: int = 150, reason: str = "stop") -> Any:
    reply = Reply("Quantum.", Finish(reason, Usage(9, tokens)))
    return orjson.loads(
        wire.render_generated(reply, model="mistral:7b", engine="Ollama", seconds=seconds)
    )


def test_a_prompt_is_a_chat_of_one_message() -> None:
    asked = generate()
    assert asked.chat.messages == (Message("user", "Hi"),)
    assert (asked.chat.model, asked.chat.stream, asked.ignored) == ("", False, ())


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_a_field_that_says_nothing_is_one_that_was_left_out(empty: object) -> None:
    names = ("model", "max_tokens", "temperature", "system", "stop", "options", "seed", "custom")
    assert generate(**dict.fromkeys(names, empty)) == generate()


def test_what_a_client_says_reaches_the_engine() -> None:
    asked = generate(
        model="codellama:7b",
        max_tokens=256,
        temperature=0.0,
        top_p=0.9,
        seed=7,
        stop="END",
        system="Be brief.",
        options={"mirostat": 1},
        user="u-1",
    )
    chat = asked.chat
    assert (chat.model, chat.max_tokens, chat.temperature) == ("codellama:7b", 256, 0.0)
    assert (chat.top_p, chat.seed, chat.stop) == (0.9, 7, ("END",))
    assert chat.messages[0] == Message("system", "Be brief.")
    assert chat.options == {"mirostat": 1}
    assert asked.person == "u-1"


def test_what_changes_nothing_is_named() -> None:
    asked = generate(stream=True, session_id="s-1", stop_tokens=["a"])
    assert sorted(asked.ignored) == ["session_id", "stop_tokens", "stream"]
    assert generate(stream=False).ignored == ()


def test_an_answer_has_the_documents_fields() -> None:
    found = generated()
    assert found.pop("timestamp") > 1_700_000_000
    assert found == {
        "generated_text": "Quantum.",
        "tokens": 150,
        "finish_reason": "stop",
        "metadata": {
            "engine": "Ollama",
            "model_name": "mistral:7b",
            "inference_time_ms": 2345,
            "tokens_per_second": 63.97,
        },
    }


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "length"), ("stop_sequence", "stop"), ("load", "stop")]
)
def test_how_it_ended_is_told_in_openais_words(reason: str, told: str) -> None:
    assert generated(reason=reason)["finish_reason"] == told


@pytest.mark.parametrize("seconds", [0.0, 0.0004, 0.01234, 61.5])
def test_time_and_speed_agree_with_each_other(seconds: float) -> None:
    found = generated(seconds=seconds, tokens=7)["metadata"]
    assert found["inference_time_ms"] >= 1
    assert found["tokens_per_second"] == pytest.approx(7000 / found["inference_time_ms"], abs=0.01)


def test_models_have_the_documents_fields() -> None:
    mistral = Model("mistral:7b", family="llama", parameters="7B", quantization="Q4_0")
    models = [mistral, Model("bare", kind="openai")]
    assert orjson.loads(wire.render_models(models, [8192, 0])) == {
        "models": [
            {
                "id": "mistral:7b",
                "name": "mistral:7b",
                "type": "ollama",
                "description": "mistral:7b - llama, 7B, Q4_0",
                "context_size": 8192,
                "enabled": True,
            },
            {
                "id": "bare",
                "name": "bare",
                "type": "openai",
                "description": "bare",
                "context_size": 0,
                "enabled": True,
            },
        ],
        "total": 2,
    }


@pytest.mark.parametrize(
    ("resident", "method"),
    [
        (Resident("a", size=2, size_vram=1), "gpu_module"),
        (Resident("a", size=2, size_vram=0), "cpu_module"),
        (Resident("a"), "gpu_module"),
        (None, "gpu_module"),
    ],
)
def test_a_model_is_in_the_cpus_memory_only_when_the_engine_says_so(
    resident: Resident | None, method: str
) -> None:
    assert orjson.loads(wire.render_loaded("mistral:7b", resident)) == {
        "success": True,
        "model_id": "mistral:7b",
        "status": "loaded",
        "method": method,
    }


def test_unloading_nothing_is_told_too() -> None:
    assert orjson.loads(wire.render_unloaded("", freed=False)) == {
        "success": True,
        "model_id": None,
        "status": "not_loaded",
    }


def test_what_to_load() -> None:
    asked = wire.parse_load({"model_id": "mistral:7b", "quantization_bits": 4, "device": "cuda"})
    assert (asked.name, asked.bits, asked.ignored) == ("mistral:7b", 4, ("device",))
    assert wire.parse_load({"model_id": "m", "quantization_bits": None}).bits == 0


@pytest.mark.parametrize("body", [{}, {"model_id": None}, {"model_id": ""}, {"model_id": " "}])
def test_unloading_needs_no_name(body: dict[str, Any]) -> None:
    assert wire.parse_unload(body).name == ""


BAD_GENERATE: list[tuple[dict[str, Any], str]] = [
    ({"prompt": None}, "prompt"),
    ({"prompt": ""}, "prompt"),
    ({"prompt": "  \n"}, "prompt"),
    ({"prompt": 7}, "prompt"),
    ({"prompt": ["Hi"]}, "prompt"),
    ({"prompt": {"text": "Hi"}}, "prompt"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": "50"}, "max_tokens"),
    ({"max_tokens": True}, "max_tokens"),
    ({"max_tokens": 2**31}, "max_tokens"),
    ({"max_completion_tokens": 0}, "max_completion_tokens"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"temperature": [0.7]}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"model": 7}, "model"),
    ({"model": ["mistral:7b"]}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"top_p": 1.1}, "top_p"),
    ({"top_p": -1}, "top_p"),
    ({"top_k": 1.5}, "top_k"),
    ({"min_p": 2}, "min_p"),
    ({"seed": "x"}, "seed"),
    ({"seed": 2**63}, "seed"),
    ({"stop": 7}, "stop"),
    ({"stop": [7]}, "stop[0]"),
    ({"stop": ["a"] * 65}, "stop"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"frequency_penalty": -3}, "frequency_penalty"),
    ({"repeat_penalty": -1}, "repeat_penalty"),
    ({"system": 7}, "system"),
    ({"user": 7}, "user"),
    ({"think": "deeply"}, "think"),
    ({"reasoning_effort": "extreme"}, "reasoning_effort"),
    ({"options": "fast"}, "options"),
    ({"num_ctx": 0}, "num_ctx"),
    ({"Max_Tokens": 5}, "Max_Tokens"),
    ({"PROMPT": "Hi"}, "PROMPT"),
]


@pytest.mark.parametrize(("fields", "param"), BAD_GENERATE, ids=str)
def test_a_bad_request_for_text_is_refused_by_the_name_of_its_field(
    fields: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        generate(**fields)
    assert refused.value.param == param
    assert param in refused.value.message


def test_a_request_without_a_prompt_is_refused() -> None:
    with pytest.raises(InvalidRequest) as refused:
        wire.parse_generate({"model": "mistral:7b"})
    assert refused.value.param == "prompt"


BAD_BITS = (-1, 65, 10**9, 4.5, -0.5, 1e3, "4", "4bit", [4], {"bits": 4}, True, False)
BAD_NAMES = (7, 7.5, ["m"], {"name": "m"}, True, [["m"]], [None])
BAD_LOAD: list[tuple[dict[str, Any], str]] = [
    ({}, "model_id"),
    *(({"model_id": name}, "model_id") for name in (*BAD_NAMES, None, "", " ", "\t\n", [], {}, 0)),
    *(({"quantization_bits": bits}, "model_id") for bits in (0, 4)),
    *(({"model_id": "m", "quantization_bits": bits}, "quantization_bits") for bits in BAD_BITS),
    ({"model_id": "m", "Quantization_Bits": 4}, "Quantization_Bits"),
    ({"model_id": "m", "MODEL_ID": "n"}, "MODEL_ID"),
]
BAD_UNLOAD: list[tuple[dict[str, Any], str]] = [
    *(({"model_id": name}, "model_id") for name in BAD_NAMES),
    ({"Model_Id": "m"}, "Model_Id"),
    ({"model_id": 0}, "model_id"),
    ({"model_id": False}, "model_id"),
]
BAD_MODELS = [(wire.parse_load, *row) for row in BAD_LOAD]
BAD_MODELS += [(wire.parse_unload, *row) for row in BAD_UNLOAD]


@pytest.mark.parametrize(("parse", "body", "param"), BAD_MODELS, ids=str)
def test_a_bad_wish_to_load_or_unload_is_refused_by_the_name_of_its_field(
    parse: Any, body: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse(body)
    assert refused.value.param == param
    assert param in refused.value.message
