"""A comparison in a sentence, and as one HTML file with figures and tables, without a server."""

import base64
import html
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from paradoxlib import keep, plotting
from paradoxlib.behaviour import paradox

SHEET = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
.sentence { font-size: 1.1rem; border-left: 4px solid #3E9C78; padding-left: 1rem }
table { border-collapse: collapse; font-size: 13px; margin: .8rem 0 }
th, td { padding: .15rem .5rem; text-align: right; border-bottom: 1px solid #e4e4e4 }
th:first-child { text-align: left } thead th { border-bottom: 2px solid #999 }
img { max-width: 100% } details, .figure { overflow-x: auto } summary { cursor: pointer }
@media (max-width: 45rem) { .figure img { max-width: none; width: 42rem } }
"""
CONTENTS = {  # {table: (heading, what it says)}
    "numbers": (
        "In numbers",
        "Intervals are 95 %, over resampled images. Chance is what unrelated networks score.",
    ),
    "kernels": (
        "Kernels",
        "Mean correlation of paired kernels in each layer, beside that of random kernels of its "
        "shape, by four alignments: paper (in order, each takes the best that is free), greedy, "
        "optimal, and none (index to index).",
    ),
    "norms": (
        "Norms",
        "Distance of running means and variances over their spread, and correlations of what is "
        "learned, unit by unit.",
    ),
    "profiles": (
        "Behaviour under distortions",
        "Means over the levels of each distortion. Agreement: the share of equal predictions. "
        "Unchanged: the share that is as on the clean images.",
    ),
    "conditions": ("Every condition", "The same at every level."),
    "layers": (
        "Layers",
        "CKA of corresponding layers, and the correlation of units matched one to one, beside what "
        "both are when one network sees other images.",
    ),
    "measures": ("Measures", "Each is higher the more alike networks are."),
    "parts": (
        "Which part carries the difference",
        "Each part's share of the way from the first network to the second (Shapley): of what "
        "changes in its answers, and of what changes in its accuracies (recovered).",
    ),
    "exchanges": ("Every exchange", "The first network, with some parts taken from the second."),
    "statistics": (
        "Identical kernels",
        "All that the first network has learned stays; its running statistics alone are "
        "re-estimated on images of one kind. The last row is the second network itself.",
    ),
}
FOLDED = ("kernels", "norms", "conditions", "layers", "measures", "exchanges")  # they are long
Found = Mapping[str, pd.DataFrame]


BY_INSIDE = ("kernel similarity", "CKA of corresponding layers")
BY_BEHAVIOUR = ("compatibility", "agreement")


def in_a_sentence(names: tuple[str, str], tables: Found) -> str:
    """Return how alike two networks are inside and in behaviour, given a comparison's tables."""
    numbers, who = tables["numbers"], " and ".join(names)
    inner = [name for name in BY_INSIDE if name in numbers.index][:1]
    known = numbers.index[numbers["value"].notna()]
    shown = [*inner, *(name for name in BY_BEHAVIOUR if name in known)]
    found = ", ".join(f"{name} {spread(numbers.loc[name])}" for name in shown)
    if not inner or "compatibility" not in numbers.index:
        lacking = "to say whether they are as alike as they behave, images and labels are needed"
        return f"{who}: {found}; {lacking}."
    behave, inside = (numbers.loc[name, "value"] for name in ("compatibility", *inner))
    kind = paradox.kind(paradox.difference(behave, inside))
    verdict = kind if kind in paradox.KINDS else "equally able under all distortions"
    text = f"{who} are {verdict}: {found}"
    shares = tables.get("parts", pd.DataFrame()).filter(like="recovered")
    if "recovered" in shares and shares["recovered"].notna().any():
        part = shares["recovered"].idxmax()
        row = shares.set_axis(["value", "low", "high"], axis=1).loc[part]
        text += f"; of the way between them the largest share goes with {part}, {spread(row)}"
    return f"{text}."


def spread(row: pd.Series) -> str:
    """Return a number with its interval and its chance level, where there are any."""
    digits = 4 if 0.99 < row["value"] < 1 else 2
    beside = [] if np.isnan(row["low"]) else [f"{row['low']:.2f} to {row['high']:.2f}"]
    chance = row.get("chance", np.nan)
    beside += [] if np.isnan(chance) else [f"chance {chance:.2f}"]
    return f"{row['value']:.{digits}f}" + (f" ({', '.join(beside)})" if beside else "")


def write_html(
    path: str | Path, names: tuple[str, str], sentence: str, tables: Found, notes: Sequence[str]
) -> Path:
    """Write a comparison to a file, and return its path.

    `sentence`, `tables` and `notes` are those of a `Comparison`.
    """
    title = html.escape(f"{names[0]} and {names[1]}, compared")
    parts = [f"<h1>{title}</h1>", f'<p class="sentence">{html.escape(sentence)}</p>']
    if notes:
        parts.append(f"<ul>{''.join(f'<li>{html.escape(note)}</li>' for note in notes)}</ul>")
    for key, (heading, text) in CONTENTS.items():
        if key not in tables:
            continue
        with plt.rc_context():
            plotting.use_style()
            figure = drawing_of(key, names, tables)
            parts += [f"<h2>{heading}</h2>", f"<p>{text}</p>"]
            parts += [as_image(figure, heading)] if figure else []
        state = "" if key in FOLDED else " open"
        table = as_table(tables[key])
        parts.append(f"<details{state}><summary>table</summary>{table}</details>")
    screen = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    head = f'<meta charset="utf-8">{screen}<title>{title}</title><style>{SHEET}</style>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'
    path = Path(path)
    with keep.atomic(path) as target:
        target.write_text(page)
    return path


def as_table(table: pd.DataFrame) -> str:
    """Return a table as HTML: the index's name heads its column, distortions have their names."""
    named = table.index.name
    if named in ("distortion", "statistics of"):
        table = table.rename(index=plotting.label)
    if "distortion" in table:
        table = table.assign(distortion=table["distortion"].map(plotting.label))
    table = table.rename(columns=lambda name: re.sub("_(low|high)$", r", \1", name))
    table = table.rename_axis(None).rename_axis(named, axis="columns")
    how = {"float_format": number_text, "na_rep": "", "border": 0, "escape": True}
    return table.to_html(index=named is not None, **how)


def number_text(value: float) -> str:
    """Return a number with three decimals; whole ones, such as counts, without any."""
    return (
        f"{value:.0f}" if float(value).is_integer() else f"{value:.3f}".replace("-0.000", "0.000")
    )


def drawing_of(key: str, names: tuple[str, str], tables: Found) -> Figure | None:
    """Return the figure that belongs to a table, if there is one."""
    table, before = tables[key], plt.get_fignums()
    if key == "kernels":
        title = "Kernels, paper's alignment"
        plotting.draw_layer_profile(table["paper"], table["sd"], table["chance, paper"], title)
    if key == "profiles" and len(shown := curves(names, tables)):
        axes = plotting.draw_accuracy_curves(shown, names)
        for ax in axes[:, 0]:
            ax.set_ylabel(curve_title(tables))
    if key == "layers":
        panels = {"same images": tables["cka"], "other images: chance": tables["cka_chance"]}
        title = f"CKA of all layers of {names[0]} (up) and {names[1]} (right)"
        plotting.draw_heatmaps(panels, title)
    if key == "parts" and "recovered" in table:
        shares = table["recovered"], table["recovered_low"], table["recovered_high"]
        words = "share of the way"
        plotting.draw_values(*shares, {"nothing": 0.0}, "", words)
    return None if plt.get_fignums() == before else plt.gcf()


def curve_title(tables: Found) -> str:
    """Return what the curves of a comparison show: accuracies, or else unchanged predictions."""
    right = any(column.endswith(" accuracy") for column in tables["conditions"])
    return "accuracy" if right else "share as on clean images"


def curves(names: tuple[str, str], tables: Found) -> pd.DataFrame:
    """Return the tidy table of accuracies, or of unchanged predictions where none are known."""
    what = "accuracy" if curve_title(tables) == "accuracy" else "unchanged"
    parts = []
    known = tables["conditions"]
    for name in names if f"{names[0]} {what}" in known else ():
        parts.append(
            known[["distortion", "level"]].assign(network=name, accuracy=known[f"{name} {what}"])
        )
    return pd.concat(parts) if parts else pd.DataFrame()


def as_image(figure: Figure, words: str) -> str:
    """Return a figure as an image inside HTML; the figure is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img alt="{html.escape(words)}" src="data:image/png;base64,{data}">'
    return f'<div class="figure">{image}</div>'
