"""Everything a client may be told went wrong.

    GatewayError                     status, code, message; never a traceback
      x InvalidRequest       400     `param` names the field
      x NotSignedIn          401     no credential, or a wrong one
      x NotAllowed           403     known, but not for this caller
      x NoSuchPath           404
      x NoSuchModel          404     no engine has it
      x NoSuchThing          404     a stored response, a task ...
      x WrongMethod          405     `allow`
      x TooLarge             413
      x WrongMediaType       415
      x TooMany              429     `retry_after`
      x Internal             500     a fault of ours
      x Unavailable          503     `retry_after`
        + NoEngine                   nobody left to ask
        + QueueFull                  too many wait already
        + WaitedTooLong              nobody's turn came in time
      x Loop                 508     a gateway that calls itself
      x EngineError                  `retry`: may another engine be asked, before the first event?
        + EngineUnreachable  503     it never had the request
        + EngineBusy         503     it said 429 or 503
        + EngineFailed       502     it said 5xx, 401 or 403: its fault, or our account there
        + EngineLacksModel   404     it does not have this model; another one may
        + EngineBroke        502     it broke off, or ended without its final line
        + EngineGarbled      502     it does not speak its wire
        + EngineTimeout      504     silent for longer than TIMEOUT
        + EngineLeadsBack    508     it is a gateway that leads back here
        + EngineRefused      4xx     it said the request is wrong: passed on

Raised anywhere; rendered once, in the shape of the dialect whose path was called.
"""

from typing import ClassVar


class GatewayError(Exception):
    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, param: str | None = None, retry_after: int | None = None):
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after  # whole seconds

    @property
    def http_status(self) -> int:
        return self.status


class InvalidRequest(GatewayError):
    status = 400
    code = "invalid_request"


class NotSignedIn(GatewayError):
    status = 401
    code = "invalid_api_key"


class NotAllowed(GatewayError):
    status = 403
    code = "not_allowed"


class NoSuchPath(GatewayError):
    status = 404
    code = "unknown_path"


class NoSuchModel(GatewayError):
    status = 404
    code = "model_not_found"

    @classmethod
    def named(cls, model: str, hint: str = "") -> "NoSuchModel":
        """The same words for one that is not there and one that is not for this caller."""
        return cls(
            f"The model `{model}` does not exist or you do not have access to it.{hint}",
            param="model",
        )


class NoSuchThing(GatewayError):
    status = 404
    code = "not_found"


class WrongMethod(GatewayError):
    status = 405
    code = "method_not_allowed"

    def __init__(self, message: str, allow: str) -> None:
        super().__init__(message)
        self.allow = allow


class TooLarge(GatewayError):
    status = 413
    code = "request_too_large"


class WrongMediaType(GatewayError):
    status = 415
    code = "unsupported_media_type"


class TooMany(GatewayError):
    status = 429
    code = "rate_limit_exceeded"


class Internal(GatewayError):
    status = 500
    code = "internal_error"


class Unavailable(GatewayError):
    status = 503
    code = "unavailable"


class NoEngine(Unavailable):
    code = "no_engine"


class QueueFull(Unavailable):
    code = "queue_full"


class WaitedTooLong(Unavailable):
    code = "waited_too_long"


class Loop(GatewayError):
    status = 508
    code = "loop_detected"


class EngineError(GatewayError):
    status = 502
    code = "engine_error"
    retry: ClassVar[bool] = True


class EngineUnreachable(EngineError):
    status = 503
    code = "engine_unreachable"


class EngineBusy(EngineError):
    status = 503
    code = "engine_busy"


class EngineFailed(EngineError):
    code = "engine_failed"


class EngineLacksModel(EngineError):
    status = 404
    code = "model_not_found"


class EngineBroke(EngineError):
    code = "engine_broke_off"


class EngineGarbled(EngineError):
    code = "engine_garbled"


class EngineTimeout(EngineError):
    status = 504
    code = "engine_timeout"


class EngineLeadsBack(EngineError):
    status = 508
    code = "loop_detected"


class EngineRefused(EngineError):
    """The engine's own 4xx, which keeps its status."""

    status = 400
    code = "invalid_request"
    retry = False

    def __init__(self, message: str, engine_status: int = 400) -> None:
        super().__init__(message)
        self.engine_status = engine_status

    @property
    def http_status(self) -> int:
        return self.engine_status
