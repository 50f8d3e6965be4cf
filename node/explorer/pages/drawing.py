"""Drawings as SVG, made on the server: a coupon's trail, and bars by day. Each says in words what it shows.

Pure. Colours are the style sheet's, so they follow light and dark.
"""

from collections.abc import Callable, Sequence
from typing import Final

from node.explorer.pages.html import Html, el
from node.explorer.pages.words import Say
from node.explorer.queries.index import Row

_STEP: Final = 190
_HEIGHT: Final = 130
_CHART: Final = (720, 220)
_LEFT: Final = 130
_BOTTOM: Final = 30


def trail(hops: Sequence[Row], written: Callable[[int], str], say: Say) -> Html:
    """A path from the platform over all holders, with what each was credited."""
    names = [say("Platform")]
    credits_ = [""]
    for hop in hops:
        if hop["member"]:
            names.append(f"{say('Member')} …{str(hop['member'])[-6:]}")
        elif hop["merchant"]:
            names.append(f"{say('Merchant')} {hop['merchant']}")
        else:
            names.append("0x" + hop["holder"].hex()[:8])
        credits_.append("+ " + written(hop["credited"]))
    width = _STEP * len(names)
    parts = [Html(f'<line x1="80" y1="50" x2="{width - 110}" y2="50" class="way"></line>')] if len(names) > 1 else []
    for place, (name, credit) in enumerate(zip(names, credits_, strict=True)):
        x = 80 + place * _STEP
        parts.append(Html(f'<circle cx="{x}" cy="50" r="16" class="hop"></circle>'))
        parts.append(_text(x, 55, str(place)))
        parts.append(_text(x, 92, name))
        parts.append(_text(x, 112, credit))
    spoken = "; ".join(
        f"{place}: {name} {credit}".strip() for place, (name, credit) in enumerate(zip(names, credits_, strict=True))
    )
    return el(
        "svg", el("title", spoken), *parts, viewBox=f"0 0 {width} {_HEIGHT}", width=width, height=_HEIGHT, role="img"
    )


def bars(
    title: str,
    days: Sequence[str],
    values: Sequence[int],
    written: Callable[[int], str],
    kind: str = "bar",
    *,
    over: Sequence[int] = (),
) -> Html:
    """A figure of bars, one a day, the oldest on the left; the largest value and the ends are written.

    `over` are values that a line shows above the bars, a day each.
    """
    width, height = _CHART
    top, floor = max(max((*values, *over), default=0), 1), height - _BOTTOM
    space = (width - _LEFT) / max(len(values), 1)
    shown = [
        Html(
            f'<rect x="{_LEFT + place * space:.1f}" y="{floor - value * (floor - 20) / top:.1f}" '
            f'width="{max(space - 1, 0.5):.1f}" height="{value * (floor - 20) / top:.1f}" class="{kind}"></rect>'
        )
        for place, value in enumerate(values)
    ]
    if over:
        line = " ".join(
            f"{_LEFT + (place + 0.5) * space:.1f},{floor - value * (floor - 20) / top:.1f}"
            for place, value in enumerate(over)
        )
        shown.append(Html(f'<polyline points="{line}" class="over"></polyline>'))
    frame = Html(f'<line x1="{_LEFT}" y1="{floor}" x2="{width}" y2="{floor}" class="rule"></line>')
    labels = [
        _text(_LEFT - 8, 24, written(top) if any((*values, *over)) else "", anchor="end", kind="axis"),
        _text(_LEFT - 8, floor, written(0), anchor="end", kind="axis"),
        _text(_LEFT, height - 8, days[0] if days else "", anchor="start", kind="axis"),
        _text(width, height - 8, days[-1] if days else "", anchor="end", kind="axis"),
    ]
    spoken = (
        f"{title}: {', '.join(f'{day} {written(value)}' for day, value in zip(days[-7:], values[-7:], strict=True))}"
    ) + (f"; {', '.join(map(written, over[-7:]))}" if over else "")
    drawing = el("svg", el("title", spoken), frame, *shown, *labels, viewBox=f"0 0 {width} {height}", role="img")
    return el("figure", el("figcaption", title), drawing, tabindex="0")


def _text(x: int, y: int, text: str, anchor: str = "middle", kind: str | None = None) -> Html:
    return el("text", text, x=x, y=y, text_anchor=anchor, class_=kind)
