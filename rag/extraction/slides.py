"""PowerPoint presentations, slide by slide: title, texts, tables, charts, diagrams, and the speaker's notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import IO, Any

from lxml import etree
from pptx.exc import PythonPptxError
from pptx.opc.constants import CONTENT_TYPE
from pptx.opc.package import Part, PartFactory
from pptx.opc.packuri import PackURI
from pptx.oxml.ns import qn
from pptx.package import Package
from pptx.parts.presentation import PresentationPart
from pptx.parts.slide import SlidePart
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape

from rag.errors import Unreadable
from rag.extraction import packages
from rag.extraction.damage import TRIPPED_OVER, damage_is_a_problem
from rag.extraction.pages import join_pages, with_text
from rag.extraction.rows import one_line, row_lines
from rag.types import PPTX, Extraction, Problem

# Groups in groups beyond this are nobody's drawing.
_MAX_DEPTH = 20
_DIAGRAM = "http://schemas.openxmlformats.org/drawingml/2006/diagram"
_DATA_REFERENCE = qn("r:dm")


def extract(file: IO[bytes]) -> Extraction:
    """Return the text of each slide; a damaged one does not cost the others. Raises Unreadable."""
    with damage_is_a_problem(PythonPptxError):
        part = Package.open(packages.opened(file)).main_document_part
        if not isinstance(part, PresentationPart):
            raise Unreadable(Problem.BROKEN)
        return with_text(join_pages(PPTX, _slides(part)))


class _Slide(SlidePart):
    """A slide that may be damaged: python-pptx reads all slides of a file, or none."""

    @classmethod
    def load(cls, partname: PackURI, content_type: str, package: Package, blob: bytes) -> Any:
        try:
            return super().load(partname, content_type, package, blob)
        except etree.XMLSyntaxError:
            return Part(partname, content_type, package, blob)


PartFactory.part_type_for[CONTENT_TYPE.PML_SLIDE] = _Slide


def _slides(part: PresentationPart) -> Iterator[tuple[str, str | None]]:
    # One by one: the list that python-pptx gives ends at the first that is damaged.
    for reference in part.presentation.slides._sldIdLst:
        try:
            yield "", _slide_text(part.related_slide(reference.rId))
        except (*TRIPPED_OVER, PythonPptxError):
            yield "", None


def _slide_text(slide: Any) -> str:
    title = slide.shapes.title
    lines = [one_line(title.text_frame.text)] if title is not None else []
    lines += _shape_lines((shape for shape in slide.shapes if title is None or shape.shape_id != title.shape_id), 0)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        lines += _frame_lines(notes)
    return "\n".join(filter(None, lines))


def _shape_lines(shapes: Iterable[Any], depth: int) -> Iterator[str]:
    for shape in shapes:
        if isinstance(shape, GroupShape):
            if depth < _MAX_DEPTH:
                yield from _shape_lines(shape.shapes, depth + 1)
        elif shape.has_text_frame:
            yield from _frame_lines(shape.text_frame)
        elif shape.has_table:
            yield from row_lines([one_line(cell.text_frame.text) for cell in row.cells] for row in shape.table.rows)
        elif shape.has_chart:
            yield from _or_nothing(_chart_lines, shape.chart)
        elif _is_diagram(shape):
            yield from _or_nothing(_diagram_lines, shape)


def _or_nothing(lines_of: Callable[[Any], Iterator[str]], drawing: Any) -> list[str]:
    """Return what a chart or a diagram says; a damaged one does not cost its slide."""
    try:
        return list(lines_of(drawing))
    except (*TRIPPED_OVER, PythonPptxError):
        return []


def _chart_lines(chart: Any) -> Iterator[str]:
    title = one_line(chart.chart_title.text_frame.text) if chart.has_title and chart.chart_title.has_text_frame else ""
    for plot in chart.plots:
        series = list(plot.series)
        head = [title, *(one_line(one.name) for one in series)]
        columns = [[_figure(value) for value in one.values] for one in series]
        names = [one_line(str(category)) for category in plot.categories]
        yield from row_lines([head, *map(list, zip_longest(names, *columns, fillvalue=""))])


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _is_diagram(shape: Any) -> bool:
    return isinstance(shape, GraphicFrame) and shape._element.graphicData_uri == _DIAGRAM


def _diagram_lines(shape: Any) -> Iterator[str]:
    """Yield the texts of a diagram ("SmartArt"), which lie in a part of their own."""
    references = shape._element.find(f".//{{{_DIAGRAM}}}relIds")
    data = shape.part.related_part(references.get(_DATA_REFERENCE)).blob
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    for paragraph in etree.fromstring(data, parser).iter(qn("a:p")):
        if text := one_line("".join(piece.text or "" for piece in paragraph.iter(qn("a:t")))):
            yield text


def _frame_lines(frame: Any) -> Iterator[str]:
    for paragraph in frame.paragraphs:
        if text := one_line(paragraph.text):
            yield text
