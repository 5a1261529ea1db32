"""The chat page; everything on it is drawn by the files of static/chat."""

import gradio as gr
from fastapi import FastAPI

from app.gradio_page import build_page, mount_page, page_head

_SHARED = ("shared/base", "shared/dialogs")
_OWN = ("chat", "composer", "lines", "duel", "stage", "panels", "dialogs", "narrow")

CHAT_HEAD = page_head([*_SHARED, *(f"chat/{name}" for name in _OWN)], "chat/boot.js")


def build_chat_page() -> gr.Blocks:
    """Return the chat page. It needs the routes of the chat API on the same origin, and no event
    queue."""
    return build_page("夜稽古 Yogeiko", CHAT_HEAD)


def mount_chat_page(app: FastAPI, path: str = "/chat") -> None:
    """Mount the chat page on `app` under `path`."""
    mount_page(app, build_chat_page(), path, CHAT_HEAD)
