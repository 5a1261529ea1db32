"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    conflicts_api,
    login_api,
    operators_api,
    pairs_api,
    rehearsal_api,
    replies_api,
    reply_detail_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    login_api.router,
    operators_api.router,
    replies_api.router,
    reply_detail_api.router,
    pairs_api.router,
    conflicts_api.router,
    rehearsal_api.router,
)
