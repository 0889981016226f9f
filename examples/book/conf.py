"""The settings of Sphinx for the book. `build.py` calls Sphinx with the folder of the pages."""

project = "metarl_min"
author = "the authors of metarl_min"
html_title = "Meta-RL, measured"
extensions = ["myst_nb"]
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True  # all lines that a cell prints stand in one box
myst_heading_anchors = 0
myst_enable_extensions = ["colon_fence"]
exclude_patterns = ["_build", "conf.py"]
html_theme = "sphinx_book_theme"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_js_files: list[str] = []
html_copy_source = False
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark, as the reader has set the browser
html_theme_options = {
    "use_download_button": False,
    "use_fullscreen_button": False,
    "show_toc_level": 2,
    "home_page_in_toc": True,
}
