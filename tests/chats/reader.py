from __future__ import annotations

from typing import Any

from webui.chats.relay.protocol import ServerEvent


class Reader:
    """What a page shows of one answer when it applies the events as the protocol says."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.tail = ""
        self.seq = 0

    def apply(self, event: ServerEvent | dict[str, Any]) -> None:
        fields: Any = event
        if fields["type"] != "answer.reset" and fields["seq"] <= self.seq:
            return
        self.seq = fields["seq"]
        match fields["type"]:
            case "block.finished":
                self.blocks.append(fields["html"])
                self.tail = ""
            case "tail.changed":
                self.tail = fields["html"]
            case "text.added":
                self.tail += fields["text"]
            case "answer.reset":
                self.blocks, self.tail = list(fields["blocks"]), fields["tail"]

    @property
    def shown(self) -> tuple[list[str], str]:
        return self.blocks, self.tail
