"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    duels_api,
    login_api,
    operators_api,
    replies_api,
    reply_detail_api,
    sheets_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    login_api.router,
    operators_api.router,
    replies_api.router,
    sheets_api.router,
    duels_api.router,
    reply_detail_api.router,
)
