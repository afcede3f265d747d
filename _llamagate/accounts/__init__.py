"""Who is calling: from what a request shows to a `Caller`, or to one of our errors.

    credential    which of its headers speaks for a request
    identity      whose that is: keys from the settings, tokens.json, or nobody's
    tokens_file   tokens.json, reread when it changes
    made_key      the administrator's key that is made where none was given
    guesses       wrong keys, throttled by network
    addresses     the client's address behind trusted proxies
    browsers      which pages in a browser may call

Knows neither HTTP nor SQL: the middlewares read headers and answer. What a caller may do with
which model is `models`', how much of it is `limits`'.
"""

from _llamagate.accounts.addresses import client_address
from _llamagate.accounts.identity import Accounts
from _llamagate.accounts.made_key import kept_key, made_key

__all__ = ["Accounts", "client_address", "kept_key", "made_key"]
