"""`llamagate health`: is the gateway that these settings describe running, and well?"""

from _llamagate.cli.address import own_url
from _llamagate.cli.ask import NoAnswer, ask, unverified
from _llamagate.cli.failure import Failed
from _llamagate.config import Config


def health(config: Config) -> int:
    url = own_url(config)
    tls = unverified() if config.tls_cert_file else None
    try:
        # The gateway gives its engines HEALTH_CHECK_TIMEOUT before it says that they are gone.
        answer = ask(f"{url}/health", config.health_check_timeout + 2, tls=tls)
    except NoAnswer as reason:
        raise Failed(f"nothing answers at {url}: {reason}.") from reason
    facts = answer.fields()
    status = facts.get("status", f"HTTP {answer.status}")
    if answer.status != 200:
        raise Failed(f"{status}: {facts.get('error', 'no reason given')}")
    print(f"{status}: {url}")
    return 0
