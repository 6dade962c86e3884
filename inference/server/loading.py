"""Options that a model is loaded with. A request that asks for others than those it was loaded with loads it anew."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from inference.runner.types import CHAT_BATCH_ROWS, KvType, RunnerSpec
from inference.types import LoadSettings, Options


@dataclass(frozen=True, slots=True, kw_only=True)
class Loading:
    """What one request asks of the way its model is loaded; None takes what there is. See `RunnerSpec`."""

    n_gpu_layers: int | None = None
    main_gpu: int | None = None
    n_threads: int | None = None
    n_batch: int | None = None
    maps_file: bool | None = None
    n_slots: int | None = None
    kv_type: KvType | None = None

    @classmethod
    def of(cls, options: Options) -> Loading:
        """Read Ollama's names; there, -1 layers and 0 threads leave the choice to the server."""
        n_gpu_layers = options.get("num_gpu", -1)
        n_batch = options.get("num_batch")
        return cls(
            n_gpu_layers=None if n_gpu_layers < 0 else n_gpu_layers,
            main_gpu=options.get("main_gpu"),
            n_threads=options.get("num_thread") or None,
            n_batch=None if n_batch is None else min(n_batch, CHAT_BATCH_ROWS),
            maps_file=options.get("use_mmap"),
        )

    @classmethod
    def kept(cls, settings: LoadSettings) -> Loading:
        return cls(
            n_gpu_layers=settings.num_gpu,
            n_threads=settings.num_thread,
            n_slots=settings.num_parallel,
            kv_type=settings.kv_cache_type,
        )

    def over(self, other: Loading) -> Loading:
        """Return these, and the other's where nothing is said."""
        mine = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(other, **{name: value for name, value in mine.items() if value is not None})

    def is_met_by(self, spec: RunnerSpec) -> bool:
        return self.applied_to(spec) == spec

    def applied_to(self, spec: RunnerSpec) -> RunnerSpec:
        if spec.kind != "llama":
            return spec
        return replace(
            spec,
            n_gpu_layers=spec.n_gpu_layers if self.n_gpu_layers is None else self.n_gpu_layers,
            main_gpu=spec.main_gpu if self.main_gpu is None else self.main_gpu,
            n_threads=spec.n_threads if self.n_threads is None else self.n_threads,
            n_batch=spec.n_batch if self.n_batch is None else self.n_batch,
            maps_file=spec.maps_file if self.maps_file is None else self.maps_file,
            n_slots=spec.n_slots if self.n_slots is None else self.n_slots,
            kv_type=spec.kv_type if self.kv_type is None else self.kv_type,
        )


AS_IT_IS = Loading()
