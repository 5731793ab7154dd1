"""What goes wrong below HTTP, beside the errors of the system (OSError) and of TLS (ssl.SSLError)."""


class WireError(OSError):
    """A call got no answer."""


class NoConnectionError(WireError):
    """No connection came about, so that nothing was sent; its cause is the error of the system."""


class ConnectTimeoutError(NoConnectionError):
    """No connection came about in time."""


class NotTakenError(NoConnectionError):
    """The connection takes no more calls, and this one was not begun on it; it may be made again."""


class AnswerTimeoutError(WireError):
    """No answer came in time, or no further part of it."""


class ConnectionLostError(WireError):
    """The connection ended before there was an answer."""


class AnswerCutError(WireError):
    """The connection ended in the middle of the answer."""


class NoHttpError(WireError):
    """What came is no HTTP."""


class UnreadableAnswerError(WireError):
    """The content is not coded as its head says."""
