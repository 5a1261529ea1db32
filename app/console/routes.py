"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    home_api,
    login_api,
    nights_api,
    operators_api,
    replies_api,
    reply_detail_api,
    versions_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    login_api.router,
    operators_api.router,
    replies_api.router,
    reply_detail_api.router,
    home_api.router,
    nights_api.router,
    versions_api.router,
)
