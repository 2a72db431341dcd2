"""Settings of the site: `make site` builds it from docs/, notebooks/ and the README, offline."""

import sys
from pathlib import Path

import yaml

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))
citation = yaml.safe_load((DOCS.parent / "CITATION.cff").read_text())

project = "Paradox in deep neural networks"
author = "the paradoxlib authors"
copyright = "the paradoxlib authors; MIT licence"
release = citation["version"]
address = citation.get("repository-code", "").rstrip("/")  # without it, no Colab, no Binder

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinxcontrib.bibtex",
    "mathml",
    "api_pages",
    "repository_files",
    "figure_sources",
    "notebook_heads",
    "front_page",
    "explorer_page",
]
root_doc = "README"
include_patterns = ["*.md", "docs/**", "notebooks/*.ipynb", "benchmarks/README.md"]
exclude_patterns = [".*", "site", "runs", "data", "weights", "figures", "paradoxlib", "tests"]

# What stands in the menu at the left, in its order; a page that is in none of them is an error.
menu = {
    "Notebooks": ["notebooks/*"],
    "Findings": ["docs/explorer", "docs/claims", "docs/explanation", "docs/gallery"],
    "Use it": [
        "docs/studies",
        "docs/reproduction",
        "docs/own_networks",
        "docs/measures",
        "docs/clusters",
        "benchmarks/README",
    ],
    "Read up": [
        "docs/README",
        "docs/literature",
        "docs/sisters",
        "docs/departures",
        "docs/data_card",
        "docs/model_card",
    ],
    "Change it": ["CONTRIBUTING", "docs/api/index", "CHANGELOG"],
}

nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"

default_role = "literal"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
python_use_unqualified_type_names = True
add_module_names = False
maximum_signature_line_length = 88

html_theme = "sphinx_book_theme"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "repository_url": address,
    "use_repository_button": bool(address),
    "use_download_button": False,
    "show_navbar_depth": 1,
    "show_toc_level": 2,
}
