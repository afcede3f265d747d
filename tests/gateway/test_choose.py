"""Which engine first."""

from collections import Counter

from _llamagate.engines.pool import Candidate
from _llamagate.exchange import Call, Caller, Chat, Completion, Message
from _llamagate.gateway.choose import enter, granted, order, sticky
from _llamagate.queue import Queue
from tests.fakes.paper_engine import paper

ANN = Caller("ann")


def candidate(
    name: str, resident: bool = True, weight: float = 1.0, trial: bool = False
) -> Candidate:
    return Candidate(paper(name, weight=weight), "tiny", "tiny", resident, (name, "tiny"), trial)


def queue(slots: int = 1) -> Queue:
    return Queue(lambda key: slots, 256, 60.0)


def busy(line: Queue, engine: str, count: int = 1, seconds: float = 1.0) -> None:
    """So many run or wait there, where an answer takes so long."""
    line.enter((engine, "tiny"), ANN).leave(seconds)
    for _ in range(count):
        line.enter((engine, "tiny"), ANN)


def first(line: Queue, *candidates: Candidate, conversation: int = 0) -> str:
    return order(list(candidates), line, conversation)[0].engine.settings.name


def test_resident_and_free_goes_before_free():
    assert first(queue(), candidate("cold", resident=False), candidate("warm")) == "warm"


def test_free_goes_before_resident_and_busy():
    line = queue()
    busy(line, "warm")
    assert first(line, candidate("warm"), candidate("cold", resident=False)) == "cold"


def test_where_all_are_busy_the_shortest_wait_is_first_not_the_shortest_line():
    line = queue()
    busy(line, "slow", 1, seconds=60.0)
    busy(line, "quick", 4, seconds=1.0)
    assert first(line, candidate("slow"), candidate("quick")) == "quick"


def test_of_two_free_engines_the_less_loaded_for_its_weight_is_first():
    line = queue(slots=8)
    busy(line, "small", 2)
    busy(line, "large", 3)
    assert first(line, candidate("small"), candidate("large", weight=2.0)) == "large"


def test_an_engine_on_trial_is_tried_first_if_it_is_free_and_last_if_not():
    line = queue()
    well, trial = candidate("well"), candidate("trial", trial=True)
    assert first(line, well, trial) == "trial"
    busy(line, "trial")
    assert first(line, well, trial) == "well"


def test_a_conversation_stays_where_it_began():
    line = queue(slots=8)
    engines = [candidate(name) for name in "abc"]
    for conversation in range(1, 50):
        chosen = first(line, *engines, conversation=conversation)
        assert first(line, *reversed(engines), conversation=conversation) == chosen
        others = [one for one in engines if one.engine.settings.name != chosen]
        busy(line, others[0].engine.settings.name, 0)
        assert first(line, *engines, conversation=conversation) == chosen


def test_a_conversation_goes_elsewhere_rather_than_wait():
    line = queue()
    engines = [candidate("a"), candidate("b")]
    home = first(line, *engines, conversation=7)
    busy(line, home)
    assert first(line, *engines, conversation=7) != home


def test_conversations_spread_over_the_engines_by_weight():
    line = queue(slots=8)
    engines = [candidate("a"), candidate("b", weight=3.0)]
    chosen = Counter(first(line, *engines, conversation=n) for n in range(1, 2001))
    assert 0.7 < chosen["b"] / 2000 < 0.8


def test_an_engine_more_moves_only_conversations_to_itself():
    line = queue(slots=8)
    engines = [candidate(name) for name in "abc"]
    for conversation in range(1, 200):
        before = first(line, *engines[:2], conversation=conversation)
        assert first(line, *engines, conversation=conversation) in (before, "c")


def test_a_conversation_is_known_by_its_beginning():
    opening = (Message("system", "be brief"), Message("user", "hello"))
    later = (*opening, Message("assistant", "hi"), Message("user", "and now?"))
    other = (Message("system", "be brief"), Message("user", "good day"))
    assert sticky(Chat(model="m", messages=opening)) == sticky(Chat(model="m", messages=later))
    assert sticky(Chat(model="m", messages=opening)) != sticky(Chat(model="m", messages=other))
    assert sticky(Completion(model="m", prompt="x" * 9000)) == sticky(
        Completion(model="m", prompt="x" * 9001)
    )
    assert sticky(Chat(model="m", messages=())) == 0


def test_where_all_are_busy_the_turn_says_which_engine_it_is():
    line = queue()
    engines = [candidate("a"), candidate("b")]
    call = Call("req_1", caller=ANN)
    turns = [enter(line, engines, call) for _ in range(2)]
    assert [granted(turn, engines).engine.settings.name for turn in turns] == ["a", "b"]
    third = enter(line, engines, call)
    turns[1].leave(1.0)
    assert granted(third, engines) is engines[1]


def test_with_one_engine_there_is_nothing_to_find_out():
    only = candidate("a")
    turn = enter(queue(), [only], Call("req_1", caller=ANN))
    assert granted(turn, [only]) is only
