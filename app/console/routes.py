"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    agreement_api,
    bulk_api,
    exports_api,
    login_api,
    operators_api,
    queue_api,
    replay_api,
    replies_api,
    reply_detail_api,
    reviews_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    agreement_api.router,
    exports_api.router,
    login_api.router,
    operators_api.router,
    replay_api.router,
    replies_api.router,
    reply_detail_api.router,
    queue_api.router,
    reviews_api.router,
    bulk_api.router,
)
