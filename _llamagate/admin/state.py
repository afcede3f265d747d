"""Engines, and who runs and waits before them, as plain values for JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from _llamagate.engines.pool import EngineState
from _llamagate.exchange import Fields, Resident
from _llamagate.metrics import Metrics, Pace
from _llamagate.queue import LineState


def engine_facts(state: EngineState, lines: Sequence[LineState], pace: Pace) -> Fields:
    own = [line for line in lines if line.engine == state.name]
    running = [((line.engine, line.model), turn.seconds) for line in own for turn in line.running]
    return {
        "name": state.name,
        "kind": state.kind,
        "url": state.url,  # without user name and password: the settings refuse them
        "up": state.up,
        "draining": state.draining,
        "reason": state.error,
        "running": len(running),
        "waiting": sum(len(line.waiting) for line in own),
        "tokens_per_second": round(pace.tokens_per_second(state.name, running), 1),
        "models": list(state.models),
        "residents": [_resident_facts(resident) for resident in state.residents],
        "resting": list(state.resting),
    }


def line_facts(line: LineState) -> Fields:
    return {
        "engine": line.engine,
        "model": line.model,
        "slots": line.slots,
        "slots_learned": line.learned,
        "answer_seconds": round(line.answer_seconds, 3),
        "running": [asdict(turn) for turn in line.running],
        "waiting": [asdict(turn) for turn in line.waiting],
    }


def total_facts(metrics: Metrics) -> Fields:
    """Since the start."""
    return {
        "requests": metrics.totals().requests,
        "failed": metrics.failed,
        "cancelled": metrics.cancelled,
        "limited": metrics.limited,
        "prompt_tokens": metrics.prompt_tokens,
        "completion_tokens": metrics.completion_tokens,
    }


def _resident_facts(resident: Resident) -> Fields:
    return {
        "name": resident.name,
        "size": resident.size,
        "size_vram": resident.size_vram,
        "context_length": resident.context_length,
        "expires": resident.expires,
    }
