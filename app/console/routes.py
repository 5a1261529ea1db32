"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    facts_api,
    login_api,
    operators_api,
    proposals_api,
    replies_api,
    reply_detail_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    facts_api.router,
    login_api.router,
    operators_api.router,
    proposals_api.router,
    replies_api.router,
    reply_detail_api.router,
)
