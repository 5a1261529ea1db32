"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    agreement_api,
    bulk_api,
    conflicts_api,
    duels_api,
    exports_api,
    facts_api,
    home_api,
    login_api,
    nights_api,
    operators_api,
    pairs_api,
    proposals_api,
    queue_api,
    rehearsal_api,
    replay_api,
    replies_api,
    reply_detail_api,
    reviews_api,
    sheets_api,
    versions_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    agreement_api.router,
    bulk_api.router,
    conflicts_api.router,
    duels_api.router,
    exports_api.router,
    facts_api.router,
    home_api.router,
    login_api.router,
    nights_api.router,
    operators_api.router,
    pairs_api.router,
    proposals_api.router,
    queue_api.router,
    rehearsal_api.router,
    replay_api.router,
    replies_api.router,
    reply_detail_api.router,
    reviews_api.router,
    sheets_api.router,
    versions_api.router,
)
