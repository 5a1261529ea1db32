"""All routes of the console, part by part."""

from fastapi import APIRouter

from app.console import (
    agreement_api,
    conflicts_api,
    exports_api,
    facts_api,
    home_api,
    login_api,
    nights_api,
    operators_api,
    pairs_api,
    proposals_api,
    rehearsal_api,
    replay_api,
    replies_api,
    reply_detail_api,
    versions_api,
)

ROUTERS: tuple[APIRouter, ...] = (
    agreement_api.router,
    conflicts_api.router,
    exports_api.router,
    facts_api.router,
    home_api.router,
    login_api.router,
    nights_api.router,
    operators_api.router,
    pairs_api.router,
    proposals_api.router,
    rehearsal_api.router,
    replay_api.router,
    replies_api.router,
    reply_detail_api.router,
    versions_api.router,
)
