"""Whose turn it is: slots per (engine, model), and a fair line of those who wait for one.

    queue.py   Queue: one line for each (engine, model)
    turn.py    one request's place: wait, leave
    line.py    the slots of one (engine, model), and who has them
    fair.py    who of those waiting is next
    slots.py   how many an engine runs side by side, where nobody has said

Which engine a request goes to is the gateway's choice; how much a caller may ask for is `limits`.
"""

from _llamagate.queue.line import Key, LineState, Load, TurnState
from _llamagate.queue.queue import Queue
from _llamagate.queue.turn import Turn

__all__ = ["Key", "LineState", "Load", "Queue", "Turn", "TurnState"]
