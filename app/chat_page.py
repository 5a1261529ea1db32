"""The chat page: one Gradio surface; everything on it is drawn by the files of static/chat.

Gradio serves the page and its mount point. What a visitor does there goes by fetch to the routes
of `app.chat_api`, so the Blocks hold no event handler: nothing in them can be called from outside.
"""

from typing import TypedDict

import gradio as gr
from fastapi import FastAPI

_STYLES = ("chat", "composer", "lines", "stage", "panels", "dialogs", "narrow")

# A classic script: Gradio re-creates the head's scripts without their `type`, so a module named
# here would not run. boot.js imports the module. Loaded twice, it does nothing more.
CHAT_HEAD = "\n".join(
    [
        '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, '
        'interactive-widget=resizes-content">',
        '<meta name="color-scheme" content="light dark">',
        '<meta name="theme-color" content="#f6efe1" media="(prefers-color-scheme: light)">',
        '<meta name="theme-color" content="#0e1530" media="(prefers-color-scheme: dark)">',
        '<meta name="robots" content="noindex">',
        '<link rel="icon" type="image/svg+xml" href="/static/chat/favicon.svg">',
        *(f'<link rel="stylesheet" href="/static/chat/{name}.css">' for name in _STYLES),
        '<script src="/static/chat/boot.js"></script>',
    ]
)

# System fonts only: Gradio's own themes may name web fonts.
_FONT = ["system-ui", "sans-serif"]


class _MountOptions(TypedDict):
    head: str
    theme: gr.themes.Base
    footer_links: list[str]
    run_history: bool
    show_error: bool


def chat_mount_options() -> _MountOptions:
    """Return the keyword arguments of `gr.mount_gradio_app` that keep Gradio's own chrome,
    fonts and run history away from the chat page."""
    return {
        "head": CHAT_HEAD,
        "theme": gr.themes.Base(font=_FONT, font_mono=["ui-monospace", "monospace"]).set(
            body_background_fill="#f6efe1", body_background_fill_dark="#0e1530"
        ),
        "footer_links": [],
        "run_history": False,
        "show_error": False,
    }


def build_chat_page() -> gr.Blocks:
    """Return the chat page. It needs static/chat at /static/chat and the routes of the chat API
    on the same origin, and no event queue."""
    with gr.Blocks(
        title="夜稽古 Yogeiko", analytics_enabled=False, fill_width=True, fill_height=True
    ) as page:
        gr.HTML(
            elem_id="yogeiko-surface",
            html_template='<div id="yogeiko"></div>',
            js_on_load=None,
            apply_default_css=False,
            head=CHAT_HEAD,
        )
    return page


def mount_chat_page(app: FastAPI, path: str = "/chat") -> None:
    """Mount the chat page on `app` under `path`."""
    gr.mount_gradio_app(app, build_chat_page(), path=path, **chat_mount_options())
