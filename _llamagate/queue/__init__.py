"""Whose turn it is: slots per (engine, model), and a fair line of those who wait for one.

    queue.py   Queue: one line for each (engine, model)
    line.py    Line and Turn: enter, wait, leave
    fair.py    who of those waiting is next
    slots.py   how many an engine runs side by side, where nobody has said

Which engine a request goes to is the gateway's choice; how much a caller may ask for is `limits`.
"""

from _llamagate.queue.line import Key, LineState, Load, Turn, TurnState
from _llamagate.queue.queue import Queue

__all__ = ["Key", "LineState", "Load", "Queue", "Turn", "TurnState"]
