"""Write the explorer as one page, as a frame in a notebook, or as a widget."""

import html
import json
import re
from pathlib import Path
from string import Template
from typing import Any

from paradoxlib import keep
from paradoxlib.explorer.gathering import Contents, gather
from paradoxlib.explorer.packing import payload_of
from paradoxlib.studies.sessions import Session

HERE = Path(__file__).parent
SHEET, SKELETON = HERE / "explorer.css", HERE / "skeleton.html"
MODULES = HERE / "pairs.js", HERE / "explorer.js"  # each may import from those before it
SHOWN = {  # of a pair, that the scatter shows
    "compatibility": "compatibility",
    "similarity": "similarity",
    "difference": "difference",
    "agreement": "agreement",
    "compatibility_conditions": "compatibility, all conditions",
    "distance": "1 − similarity (log)",
}
FRAME_HEIGHT = 900  # pixels, of the page in a notebook
PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="description" content="Every pair of networks of a study: similar, yet different?">
<link rel="icon" href="data:,">
<title>$title</title>
<style>
$sheet</style>
</head>
<body>
<main id="explorer" class="explorer waiting">
$skeleton</main>
<script type="application/json" id="payload">$payload</script>
<script type="module">
$module
const payload = JSON.parse(document.getElementById("payload").textContent);
const model = new Map([["payload", payload], ["own", true]]);
await render({ model, el: document.getElementById("explorer") });
</script>
</body>
</html>
""")


def as_module() -> str:
    """Return the modules as one, which imports nothing."""
    return "".join(
        re.sub(r"^import [^;]*;\n", "", path.read_text(), flags=re.M) for path in MODULES
    )


def skeleton_of(payload: dict) -> str:
    """Return the page's parts, with the numbers of a study in them."""
    n = len(payload["networks"])
    options = (f'<option value="{key}">{text}</option>' for key, text in SHOWN.items())
    return Template(SKELETON.read_text()).substitute(
        title=html.escape(payload["title"]),
        networks=n,
        pairs=f"{n * (n - 1) // 2:,}",
        images=f"{payload['images']:,}",
        measures="\n      ".join(options),
    )


def as_payload(contents: Contents) -> dict:
    """Return what the module shows where it is alone: the pairs of a study, and its own parts."""
    payload = payload_of(contents)
    return payload | {"skeleton": skeleton_of(payload)}


def as_page(contents: Contents) -> str:
    """Return what is known of a study (see `gathering.gather`) as one HTML page."""
    payload = payload_of(contents)
    return PAGE.substitute(
        title=html.escape(f"{payload['title']}: explorer"),
        sheet=SHEET.read_text(),
        skeleton=skeleton_of(payload),
        payload=json.dumps(payload, separators=(",", ":")).replace("<", "\\u003c"),
        module=as_module(),
    )


def write_page(session: Session, path: Path) -> int:
    """Write the explorer of a study to a file, and return its size in bytes."""
    text = as_page(gather(session)).encode()
    with keep.atomic(path) as temporary:
        temporary.write_bytes(text)
    return len(text)


def as_frame(session: Session) -> str:
    """Return the explorer as an iframe that holds the whole page, for a notebook's output."""
    whole = html.escape(as_page(gather(session)))
    look = f"width:100%;height:{FRAME_HEIGHT}px;border:0"
    return f'<div><iframe title="Explorer" style="{look}" srcdoc="{whole}"></iframe></div>'


def as_widget(session: Session) -> Any:
    """Return the explorer as a Jupyter widget (``pip install -e '.[widget]'``)."""
    import anywidget
    import traitlets

    class Explorer(anywidget.AnyWidget):
        _esm, _css = as_module(), SHEET
        payload = traitlets.Dict().tag(sync=True)

    return Explorer(payload=as_payload(gather(session)))
