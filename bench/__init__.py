"""The measuring rig: what the gateway costs, beside nginx and, where asked for, beside its peers.

Two cores are enough. Whatever is measured has the first one for itself; the load generator
(load.c) and the stand-in engine (engine.c) share the second, and how much of it they used is
printed with every figure. What is compared runs turn by turn within one run, because the same
machine is another one an hour later.

    run.py       the command, and the order in which things are measured
    rows.py      what is asked, and how it is compared
    servers.py   what is asked: engine, nginx, the gateway, LiteLLM
    measure.py   one server under one load: rates, times, CPU, memory
    special.py   the rows that no load alone can tell: start, idle streams, fairness
    features.py  the gateway with features left out, which without.py then does
    report.py    the tables
    machine.py   cores, processes and their costs, as Linux counts them
    soak.py      a command of its own: does it leak?
"""
