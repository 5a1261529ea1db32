"""A page that Gradio serves and our own files draw: Blocks with one surface and no event.

What people do there goes by fetch to routes of the parent application, so the Blocks hold no
event handler: nothing in them can be called from outside.
"""

from collections.abc import Sequence

import gradio as gr
from fastapi import FastAPI

# System fonts only: Gradio's own themes may name web fonts.
_FONT = ["system-ui", "sans-serif"]


def page_head(styles: Sequence[str], boot: str) -> str:
    """Return a page's head; `styles` and `boot` are addresses below /static/.

    `boot` is a classic script: Gradio re-creates the head's scripts without their `type`, so a
    module named here would not run. It imports the module; loaded twice, it does nothing more.
    """
    return "\n".join(
        [
            '<meta name="viewport" content="width=device-width, initial-scale=1, '
            'viewport-fit=cover, interactive-widget=resizes-content">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="theme-color" content="#f6efe1" media="(prefers-color-scheme: light)">',
            '<meta name="theme-color" content="#0e1530" media="(prefers-color-scheme: dark)">',
            '<meta name="robots" content="noindex">',
            '<link rel="icon" type="image/svg+xml" href="/static/chat/favicon.svg">',
            *(f'<link rel="stylesheet" href="/static/{name}.css">' for name in styles),
            f'<script src="/static/{boot}"></script>',
        ]
    )


def build_page(title: str, head: str) -> gr.Blocks:
    """Return Blocks that hold the surface `#yogeiko` and nothing else."""
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=True, fill_height=True) as page:
        gr.HTML(
            elem_id="yogeiko-surface",
            html_template='<div id="yogeiko"></div>',
            js_on_load=None,
            apply_default_css=False,
            head=head,
        )
    return page


def mount_page(app: FastAPI, page: gr.Blocks, path: str, head: str) -> None:
    """Mount it under `path`, without Gradio's own chrome, fonts and run history."""
    theme = gr.themes.Base(font=_FONT, font_mono=["ui-monospace", "monospace"]).set(
        body_background_fill="#f6efe1", body_background_fill_dark="#0e1530"
    )
    gr.mount_gradio_app(
        app,
        page,
        path=path,
        head=head,
        theme=theme,
        footer_links=[],
        run_history=False,
        show_error=False,
    )
