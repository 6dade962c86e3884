"""What can go wrong with the model files of this machine, and with getting more of them.

InferenceError
└── LibraryError
    ├── InvalidName          not a model name
    ├── BadManifest          a manifest that is not one, or that names something outside its store
    ├── NotAttachable        that path holds nothing we can serve
    ├── ReadOnlyModel        the model belongs to somebody else's store and is not ours to delete
    ├── HubFailed            Hugging Face, or its mirror, cannot be asked
    ├── NameTaken            a model that is not in our own store has that name
    ├── BlobNotFound         the store has no blob with that digest
    ├── UploadFailed
    │   ├── UploadRefused    the file cannot be taken, or not in this way
    │   ├── UploadNotFound   nobody has begun with that upload, or it was removed
    │   └── ChunkDamaged     a chunk is not what its digest says; sending it again may work
    └── PullFailed
        ├── RegistryFailed   the registry refused, or nothing usable answered
        ├── NotInRegistry    the registry does not have that model
        ├── NoSuchFile       a repository on the Hub has no file of that name or quantization, or several
        ├── GatedRepository  the Hub wants to know who asks, and that they agreed to the model's conditions
        ├── RemoteChanged    the file was replaced while it was downloaded
        ├── ForeignRealm     the registry wants us to identify ourselves to another host
        ├── SignInRefused    the registry does not let the key of this installation in
        ├── KeyFailed        that key cannot be read or made
        ├── InsecureRegistry plain http to a host other than this machine
        ├── PrivateAddress   a redirect into a network that the first host is not in
        ├── DigestMismatch   what came is not what the manifest promised
        ├── SizeMismatch     what is offered is longer or shorter than promised
        ├── NotEnoughSpace   the disk is too full to begin
        └── StoreFailed      a file of the store cannot be written or read, a disk that became full among the reasons
"""

from __future__ import annotations

from collections.abc import Sequence

from inference.errors import InferenceError


class LibraryError(InferenceError):
    pass


class InvalidName(LibraryError):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class BadManifest(LibraryError):
    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAttachable(LibraryError):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class ReadOnlyModel(LibraryError):
    def __init__(self, model: str, path: str) -> None:
        super().__init__(model, path)
        self.model = model
        self.path = path


class NameTaken(LibraryError):
    def __init__(self, model: str, path: str) -> None:
        super().__init__(model, path)
        self.model = model
        self.path = path


class BlobNotFound(LibraryError):
    def __init__(self, digest: str) -> None:
        super().__init__(digest)
        self.digest = digest


class UploadFailed(LibraryError):
    pass


class UploadRefused(UploadFailed):
    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UploadNotFound(UploadFailed):
    def __init__(self, upload: str) -> None:
        super().__init__(upload)
        self.upload = upload


class ChunkDamaged(UploadFailed):
    permanent = False

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class HubFailed(LibraryError):
    permanent = False

    def __init__(self, host: str, detail: str) -> None:
        super().__init__(host, detail)
        self.host = host
        self.detail = detail


class PullFailed(LibraryError):
    pass


class RegistryFailed(PullFailed):
    permanent = False

    def __init__(self, host: str, detail: str, status: int | None = None) -> None:
        super().__init__(host, detail, status)
        self.host = host
        self.detail = detail
        self.status = status


class NotInRegistry(PullFailed):
    def __init__(self, host: str, model: str) -> None:
        super().__init__(host, model)
        self.host = host
        self.model = model


class NoSuchFile(PullFailed):
    """`offered` names what could be asked for instead."""

    def __init__(self, repository: str, wanted: str, offered: Sequence[str], *, is_ambiguous: bool = False) -> None:
        super().__init__(repository, wanted, offered, is_ambiguous)
        self.repository = repository
        self.wanted = wanted
        self.offered = offered
        self.is_ambiguous = is_ambiguous


class GatedRepository(PullFailed):
    def __init__(self, host: str, repository: str, *, has_token: bool) -> None:
        super().__init__(host, repository, has_token)
        self.host = host
        self.repository = repository
        self.has_token = has_token


class RemoteChanged(PullFailed):
    permanent = False

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host, path)
        self.host = host
        self.path = path


class ForeignRealm(PullFailed):
    def __init__(self, host: str, realm: str) -> None:
        super().__init__(host, realm)
        self.host = host
        self.realm = realm


class SignInRefused(PullFailed):
    def __init__(self, host: str, key_path: str) -> None:
        super().__init__(host, key_path)
        self.host = host
        self.key_path = key_path


class KeyFailed(PullFailed):
    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason


class InsecureRegistry(PullFailed):
    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class PrivateAddress(PullFailed):
    def __init__(self, host: str) -> None:
        super().__init__(host)
        self.host = host


class DigestMismatch(PullFailed):
    def __init__(self, expected: str, received: str) -> None:
        super().__init__(expected, received)
        self.expected = expected
        self.received = received


class NotEnoughSpace(PullFailed):
    permanent = False

    def __init__(self, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(needed_bytes, free_bytes)
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes


class SizeMismatch(PullFailed):
    def __init__(self, host: str, expected_bytes: int, offered_bytes: int) -> None:
        super().__init__(host, expected_bytes, offered_bytes)
        self.host = host
        self.expected_bytes = expected_bytes
        self.offered_bytes = offered_bytes


class StoreFailed(PullFailed):
    permanent = False

    def __init__(self, path: str, reason: str, *, is_full: bool = False) -> None:
        super().__init__(path, reason, is_full)
        self.path = path
        self.reason = reason
        self.is_full = is_full
