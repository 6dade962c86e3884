"""What a server asks, as the commands that its runner process reads. No I/O."""

from __future__ import annotations

from inference.runner.protocol import GenerateCommand, WireMessage, WireSpec, WireTool, WireToolCall
from inference.runner.types import GenerateRequest, RunnerSpec
from inference.types import ChatMessage


def wire_spec(spec: RunnerSpec) -> WireSpec:
    return WireSpec(
        kind=spec.kind,
        model=spec.model,
        path=str(spec.path),
        n_ctx=spec.n_ctx,
        n_slots=spec.n_slots,
        n_threads=spec.n_threads,
        embedding=spec.embedding,
        max_queue=spec.max_queue,
        projector=str(spec.projector) if spec.projector is not None else None,
        adapters=[str(path) for path in spec.adapters],
        n_batch=spec.n_batch,
        n_gpu_layers=spec.n_gpu_layers,
        main_gpu=spec.main_gpu,
        maps_file=spec.maps_file,
        kv_type=spec.kv_type,
        flash_attention=spec.flash_attention,
        parked_folder=str(spec.parked_folder) if spec.parked_folder is not None else None,
        parked_bytes=spec.parked_bytes,
        template=spec.template,
    )


def generate_command(number: int, request: GenerateRequest) -> GenerateCommand:
    messages = None
    if request.messages is not None:
        messages = [_wire_message(message) for message in request.messages]
    return GenerateCommand(
        op="generate",
        id=number,
        messages=messages,
        prompt=request.prompt,
        raw=request.raw,
        suffix=request.suffix,
        context=list(request.context),
        wants_context=request.wants_context,
        options=request.options,
        think=request.think,
        tools=[
            WireTool(name=tool.name, description=tool.description, parameters=tool.parameters) for tool in request.tools
        ],
        template=request.template,
        must_call_tool=request.must_call_tool,
        format=request.format,
        grammar=request.grammar,
        top_logprobs=request.top_logprobs,
        truncate=request.truncate,
        shift=request.shift,
        asked_by=request.asked_by,
        priority=request.priority,
    )


def _wire_message(message: ChatMessage) -> WireMessage:
    return WireMessage(
        role=message.role,
        content=message.content,
        thinking=message.thinking,
        image_bytes=[len(image) for image in message.images],
        tool_calls=[WireToolCall(name=call.name, arguments=call.arguments, id=call.id) for call in message.tool_calls],
        tool_name=message.tool_name,
        tool_call_id=message.tool_call_id,
    )


def image_bytes(request: GenerateRequest) -> bytes:
    return b"".join(image for message in request.messages or () for image in message.images)
