"""What the rooms know of engines and lines, as it is told to administrators."""

from collections.abc import Sequence

from _llamagate.admin.report import Engine, InMemory, Line, Totals, Turn
from _llamagate.engines.pool import EngineState
from _llamagate.metrics import Metrics, Pace
from _llamagate.queue import LineState, TurnState


def engine_report(state: EngineState, lines: Sequence[LineState], pace: Pace) -> Engine:
    own = [line for line in lines if line.engine == state.name]
    running = [((line.engine, line.model), turn.seconds) for line in own for turn in line.running]
    return Engine(
        name=state.name,
        kind=state.kind,
        url=state.url,  # without user name and password: the settings refuse them
        up=state.up,
        draining=state.draining,
        reason=state.error,
        running=len(running),
        waiting=sum(len(line.waiting) for line in own),
        tokens_per_second=round(pace.tokens_per_second(state.name, running), 1),
        models=list(state.models),
        residents=[
            InMemory(one.name, one.size, one.size_vram, one.context_length, one.expires)
            for one in state.residents
        ],
        resting=list(state.resting),
        activity=list(state.activity),
    )


def line_report(line: LineState) -> Line:
    return Line(
        engine=line.engine,
        model=line.model,
        slots=line.slots,
        slots_learned=line.learned,
        answer_seconds=round(line.answer_seconds, 3),
        running=[_turn(turn) for turn in line.running],
        waiting=[_turn(turn) for turn in line.waiting],
    )


def totals_report(metrics: Metrics) -> Totals:
    return Totals(
        requests=metrics.totals().requests,
        failed=metrics.failed,
        cancelled=metrics.cancelled,
        limited=metrics.limited,
        prompt_tokens=metrics.prompt_tokens,
        completion_tokens=metrics.completion_tokens,
    )


def _turn(turn: TurnState) -> Turn:
    return Turn(turn.caller, turn.person, turn.priority, round(turn.seconds, 3), turn.number)
