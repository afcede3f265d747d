"""What becomes of every parameter of OpenAI's chat completions. One table; the docs show it.

mapped     it reaches the engine under the engine's name for it
emulated   the engine cannot; the gateway does it
accepted   it changes nothing here, as it changes nothing of the answer at OpenAI
named      it cannot be done by an Ollama engine: ignored, and named in x-ignored-parameters
refused    it asks for something that is not here: a 400 that names it
"""

from typing import NamedTuple


class Parameter(NamedTuple):
    name: str
    treatment: str
    what: str


CHAT = (
    Parameter("messages", "mapped", "roles system, developer, user, assistant, tool, function"),
    Parameter("model", "mapped", "any spelling of a model's name, or an alias"),
    Parameter("audio", "refused", "no engine here speaks"),
    Parameter("frequency_penalty", "mapped", "frequency_penalty"),
    Parameter("function_call", "mapped", "the older form of tool_choice; answers use it too"),
    Parameter("functions", "mapped", "the older form of tools"),
    Parameter("logit_bias", "named", "Ollama has no such option; OpenAI-compatible engines get it"),
    Parameter("logprobs", "mapped", "logprobs"),
    Parameter("max_completion_tokens", "mapped", "num_predict; wins over max_tokens"),
    Parameter("max_tokens", "mapped", "num_predict"),
    Parameter("metadata", "accepted", "nothing is stored"),
    Parameter("modalities", "mapped", 'only ["text"]'),
    Parameter("moderation", "named", "no engine here moderates"),
    Parameter("n", "emulated", "run n times, at most 16; with a seed, copy i has seed+i"),
    Parameter("parallel_tool_calls", "emulated", "false keeps the first call of an answer"),
    Parameter("prediction", "accepted", "a hint for speed only"),
    Parameter("presence_penalty", "mapped", "presence_penalty"),
    Parameter("prompt_cache_key", "accepted", "engines cache prompts by themselves"),
    Parameter("prompt_cache_options", "accepted", "engines cache prompts by themselves"),
    Parameter("prompt_cache_retention", "accepted", "engines cache prompts by themselves"),
    Parameter("reasoning_effort", "mapped", "think: none is off, xhigh is max"),
    Parameter("response_format", "mapped", "format: text, json_object, json_schema"),
    Parameter("safety_identifier", "accepted", "nothing is reported to anybody"),
    Parameter("seed", "mapped", "seed"),
    Parameter("service_tier", "accepted", "there is one tier"),
    Parameter("stop", "mapped", "a string or a list"),
    Parameter("store", "accepted", "chat completions are not stored"),
    Parameter("stream", "mapped", "server-sent events"),
    Parameter("stream_options", "mapped", "include_usage"),
    Parameter("temperature", "mapped", "temperature; left out, the model's own default stands"),
    Parameter("tool_choice", "emulated", "none drops the tools; required or a name forces a call"),
    Parameter("tools", "mapped", "functions; $ref, oneOf and allOf are rewritten for Ollama"),
    Parameter("top_logprobs", "mapped", "top_logprobs, at most 20"),
    Parameter("top_p", "mapped", "top_p"),
    Parameter("user", "mapped", "divides the caller's share of a busy engine between people"),
    Parameter("verbosity", "named", "Ollama has no such option; OpenAI-compatible engines get it"),
    Parameter("web_search_options", "refused", "nothing here searches the web"),
    # Not OpenAI's own, but common on other servers
    Parameter("top_k", "mapped", "top_k"),
    Parameter("min_p", "mapped", "min_p"),
    Parameter("repeat_penalty", "mapped", "repeat_penalty; also repetition_penalty"),
    Parameter("repetition_penalty", "mapped", "repeat_penalty"),
    Parameter("num_ctx", "mapped", "num_ctx, unless the operator locked it"),
    Parameter("keep_alive", "mapped", "keep_alive"),
    Parameter("think", "mapped", "think; wins over reasoning_effort"),
    Parameter("reasoning", "mapped", "its effort, like reasoning_effort"),
    Parameter("options", "mapped", "Ollama's options; the parameters above win over it"),
)

CHAT_NAMES = frozenset(parameter.name for parameter in CHAT)
ACCEPTED = frozenset(p.name for p in CHAT if p.treatment == "accepted")
REFUSED = {p.name: p.what for p in CHAT if p.treatment == "refused"}
PASSED_ON = frozenset(p.name for p in CHAT if p.treatment == "named") | ACCEPTED


def render_table() -> str:
    """The table as the documentation shows it."""
    rows = [f"| `{p.name}` | {p.treatment} | {p.what} |" for p in CHAT]
    return "\n".join(["| parameter | treatment | what it becomes |", "|---|---|---|", *rows]) + "\n"
