"""The explorer at 329 networks: size, first paint, and a click, in a headless Chromium.

The networks are made up, and as hard to pack as real ones: profiles, similarities and layers vary
in all their digits. Needs Playwright (`pip install -e '.[browser]'`) and a Chromium.
"""

import argparse
import shutil
import statistics
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import torch
from playwright.sync_api import sync_playwright

from paradoxlib import explorer
from paradoxlib.behaviour import paradox
from paradoxlib.explorer import gathering
from paradoxlib.images import datasets
from paradoxlib.networks import models, surgery
from paradoxlib.similarity import kernels
from paradoxlib.studies.study import load

CLICKS, LIMITS = 30, {"MB": 2, "first paint, s": 1, "click, ms": 50, "requests": 0}
TIMES = """() => new Promise((done) => {
  const start = performance.now();
  const box = document.querySelector(".matrix").getBoundingClientRect();
  const [x, y] = [0, 1].map(() => 60 + Math.random() * (box.width - 60));
  const at = { clientX: box.left + x, clientY: box.top + y, bubbles: true, pointerId: 1 };
  const node = document.querySelector(".matrix");
  node.setPointerCapture = () => {};
  for (const kind of ["pointermove", "pointerdown", "pointerup"])
    node.dispatchEvent(new PointerEvent(kind, at));
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start)));
})"""


def made_up(study_name="population", seed=0):
    """Return the contents of a study whose numbers are drawn at random."""
    study, draw = load(study_name), np.random.default_rng(seed)
    names, conditions = list(study.networks), study.conditions
    n, founders = len(names), {name: i for i, name in enumerate(study.families)}
    family = np.array([founders[study.family_of[name]] for name in names])
    ability = draw.uniform(0.3, 0.9, (len(founders), len(conditions)))[family]
    shares = np.clip(ability + draw.normal(0, 0.05, ability.shape), 0, 1).round(4)
    accuracy = pd.DataFrame(
        [
            (name, *condition, share, 2000)
            for name, row in zip(names, shares, strict=True)
            for condition, share in zip(conditions, row, strict=True)
        ],
        columns=["network", "distortion", "level", "accuracy", "n"],
    )
    layers = list(models.conv_layers(models.empty(study.model.architecture)))
    i, j = np.triu_indices(n, 1)
    related = (family[i] == family[j])[:, None]
    strange, near = draw.normal(0.15, 0.012, (2, len(i), len(layers)))
    means = np.where(related, 1 - near**2 / 10, strange)

    def square(values):
        whole = np.eye(n)
        whole[i, j] = whole[j, i] = values
        return pd.DataFrame(whole, names, names)

    both = [paradox.compatibility(accuracy, over) for over in ("distortions", "conditions")]
    width = draw.uniform(0.01, 0.1, (n, n))
    bounds = np.stack([both[0] - width, both[0] + width])
    agreement = square(draw.uniform(0.4, 0.9, len(i)))
    parents = study.parents
    pairs = paradox.pair_table(*both, square(means.mean(1)), bounds, agreement, parents)
    settings = [network.model_dump() for network in study.networks.values()]
    networks = pd.DataFrame(settings, names).assign(family="", sha256="")
    for column in ("milestones", "distortions"):
        networks[column] = networks[column].map(lambda value: " ".join(map(str, value)))
    moments = [(name, layer, *draw.uniform(0.5, 2, 2)) for name in names for layer in layers]
    count = 8
    predicted = draw.integers(10, size=n * len(conditions) * count)
    pixels = torch.from_numpy(draw.integers(256, size=(count, 3, 4, 4), dtype=np.uint8))
    smooth = torch.nn.functional.interpolate(pixels.float(), scale_factor=8, mode="bilinear")
    examples = datasets.Images(smooth.byte(), torch.arange(count), tuple("abcdefghij"), "made up")
    children = [name for name in names if parents[name]]
    parts = [
        (parents[c], c, part, 0.2, 0.1, 0.3) for c in children for part in surgery.NETWORK_PARTS
    ]
    columns = ["parent", "child", "part", "recovered", "recovered_low", "recovered_high"]
    shapes = gathering.chance_of_layers(study)
    return gathering.Contents(
        study,
        f"{n} made-up networks",
        networks,
        accuracy,
        pairs,
        {"similarity": kernels.chance_level(study.model.architecture), "agreement": 0.1},
        pd.DataFrame({"a": pairs["a"], "b": pairs["b"], **dict(zip(layers, means.T, strict=True))}),
        shapes,
        pd.DataFrame(moments, columns=["network", "layer", "running_mean", "running_sd"]),
        pd.DataFrame(parts, columns=columns),
        pd.DataFrame({"predicted": predicted}),
        examples,
        gathering.distorted(study, examples),
    )


def measure(path):
    """Return what opening and clicking the page takes, and what it asked for."""
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        view = browser.new_page(viewport={"width": 1440, "height": 900})
        asked, said = [], []
        view.on("request", lambda request: asked.append(request.url))
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(str(error)))
        view.goto(path.as_uri())
        view.wait_for_selector(".pair svg")
        view.wait_for_timeout(500)
        paint = view.evaluate("performance.getEntriesByType('paint').at(-1).startTime")
        shift = view.evaluate(
            "new Promise(d => new PerformanceObserver(l => d(l.getEntries().reduce((s, e) =>"
            " s + e.value, 0))).observe({type: 'layout-shift', buffered: true}) ||"
            " setTimeout(() => d(0), 300))"
        )
        clicks = [view.evaluate(TIMES) for _ in range(CLICKS)]
        browser.close()
    return {
        "MB": path.stat().st_size / 1e6,
        "first paint, s": paint / 1000,
        "click, ms": statistics.median(clicks),
        "slowest click, ms": max(clicks),
        "layout shift": shift,
        "requests": len(asked) - 1,
        "console": len(said),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, help="where to keep the page")
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        target = arguments.keep or Path(folder) / "explorer.html"
        target.write_text(explorer.as_page(made_up()))
        for name, value in measure(target.resolve()).items():
            limit = f" (at most {LIMITS[name]})" if name in LIMITS else ""
            print(f"{name:18} {value:8.2f}{limit}")
