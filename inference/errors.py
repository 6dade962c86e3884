"""What can go wrong between us and a model.

InferenceError
├── ModelNotFound          no connection offers that model
├── ModelLoadFailed        the model file is broken, or does not fit
│   ├── BadModelFile       the header reader refused the file
│   └── OutOfMemory        its memory could not be had, as far as can be told
├── InvalidRequest         the request is wrong: an option out of range, a prompt too long
├── NotSpoken              whoever offers the model does not know this kind of request
├── QueueFull              more requests wait than the queue holds
├── RunnerDied             the process that held the model ended during the request
├── GenerationStopped      somebody asked for it
├── ConnectionFailed       nothing usable answered at that address
│   ├── ConnectionRefused
│   ├── HostNotFound
│   ├── UpstreamTimeout
│   ├── ConnectionLost     it ended in the middle of an answer
│   └── WrongService       something answered, but it speaks another protocol
├── KeyUnreadable          a connection's key was encrypted with another secret key
└── UpstreamRefused        the upstream answered with an error status
    └── BadCredentials     401 or 403
"""

from __future__ import annotations


class InferenceError(Exception):
    """Base of all errors here.

    Attributes:
        permanent: True when the same request cannot succeed later by itself.
    """

    permanent = True


class ModelNotFound(InferenceError):
    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model


class ModelLoadFailed(InferenceError):
    def __init__(self, model: str, detail: str) -> None:
        super().__init__(model, detail)
        self.model = model
        self.detail = detail


class BadModelFile(ModelLoadFailed):
    """The file is not a GGUF, is truncated, or its header contradicts its size."""


class OutOfMemory(ModelLoadFailed):
    """Native code got no memory, or the kernel had none left and took the process away."""


class InvalidRequest(InferenceError):
    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotSpoken(InferenceError):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class QueueFull(InferenceError):
    permanent = False


class RunnerDied(InferenceError):
    permanent = False

    def __init__(self, model: str, exit_code: int | None = None) -> None:
        super().__init__(model, exit_code)
        self.model = model
        self.exit_code = exit_code


class GenerationStopped(InferenceError):
    pass


class ConnectionFailed(InferenceError):
    permanent = False

    def __init__(self, url: str, detail: str = "") -> None:
        super().__init__(url, detail)
        self.url = url
        self.detail = detail


class ConnectionRefused(ConnectionFailed):
    pass


class HostNotFound(ConnectionFailed):
    pass


class UpstreamTimeout(ConnectionFailed):
    pass


class ConnectionLost(ConnectionFailed):
    pass


class WrongService(ConnectionFailed):
    permanent = True


class KeyUnreadable(InferenceError):
    def __init__(self, connection: str) -> None:
        super().__init__(connection)
        self.connection = connection


class UpstreamRefused(InferenceError):
    permanent = False

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


class BadCredentials(UpstreamRefused):
    permanent = True
