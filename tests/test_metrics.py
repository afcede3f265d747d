"""What is counted, and how fast engines are said to write."""

from _llamagate.metrics import Pace

KEY = ("ollama", "llama3.1:8b")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_tokens_of_an_answer_are_spread_over_the_time_it_took() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.add(KEY, 1000, 10.0)
    assert pace.tokens_per_second("ollama") == 100.0
    clock.now += Pace.WINDOW / 2
    assert pace.tokens_per_second("ollama") == 50.0
    clock.now += Pace.WINDOW
    assert pace.tokens_per_second("ollama") == 0.0


def test_what_runs_is_taken_to_be_as_fast_as_its_models_last_answer() -> None:
    clock = Clock()
    pace = Pace(clock)
    assert pace.tokens_per_second("ollama", [(KEY, 60.0)]) == 0.0
    pace.add(("ollama", "qwen3"), 70, 1.0)
    pace.add(KEY, 10, 1.0)
    pace.add(KEY, 60, 2.0)
    clock.now += 60.0
    assert pace.tokens_per_second("ollama", [(KEY, 60.0), (KEY, 60.0)]) == 60.0
    assert pace.tokens_per_second("ollama", [(KEY, Pace.WINDOW / 5)]) == 6.0


def test_engines_are_told_apart() -> None:
    pace = Pace(Clock())
    pace.add(("vllm", "llama3.1:8b"), 100, 1.0)
    assert pace.tokens_per_second("ollama") == 0.0
    assert pace.tokens_per_second("vllm") == 100 / Pace.WINDOW
    assert pace.tokens_per_second("ollama", [(KEY, 60.0)]) == 0.0


def test_an_answer_that_took_no_time_counts_once() -> None:
    pace = Pace(Clock())
    pace.add(KEY, 10, 0.0)
    assert pace.tokens_per_second("ollama", [(KEY, 60.0)]) == 10 / Pace.WINDOW
