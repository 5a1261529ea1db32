"""The console's page; everything on it is drawn by the files of static/console."""

import gradio as gr
from fastapi import FastAPI

from app.gradio_page import build_page, mount_page, page_head

STYLES = (
    "shared/base",
    "shared/dialogs",
    "console/frame",
    "console/parts",
    "console/charts",
    "console/agreement/screen",
    "console/export/screen",
    "console/facts/screen",
    "console/home/screen",
    "console/nights/report",
    "console/nights/screen",
    "console/operators/screen",
    "console/pairs/screen",
    "console/pairs/verdicts",
    "console/queue/screen",
    "console/replay/screen",
    "console/replies/detail",
    "console/replies/screen",
    "console/sheets/screen",
    "console/versions/screen",
)

CONSOLE_HEAD = page_head(STYLES, "console/boot.js")


def build_console_page() -> gr.Blocks:
    """Return the console's page. It needs the routes of the console on the same origin."""
    return build_page("夜稽古 稽古場", CONSOLE_HEAD)


def mount_console_page(app: FastAPI, path: str = "/console") -> None:
    """Mount the console's page on `app` under `path`."""
    mount_page(app, build_console_page(), path, CONSOLE_HEAD)
