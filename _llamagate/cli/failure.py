"""What ends a command with exit status 1."""


class Failed(Exception):
    """The message is a sentence for a person: what happened, and what to do."""
