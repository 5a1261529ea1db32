"""`yogeiko serve`: the pages."""

from pathlib import Path

import click

from app.commands.options import Bar, home_option
from app.composition import build_chat, build_night
from app.server import serve
from app.settings import Values, load_settings
from persona.base_model import prepare_model


@click.command("serve")
@click.option("--host", help="Address to listen on. [default: 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on. [default: 7860]")
@home_option
def command(host: str | None, port: int | None, home: Path | None) -> None:
    """Chat with the persona in the browser."""
    server: Values = {
        key: value for key, value in (("host", host), ("port", port)) if value is not None
    }
    settings = load_settings(home, {"server": server} if server else None)
    bar = Bar("model")
    prepare_model(settings.model.name, settings.models_folder, bar)
    bar.done(f"{settings.model.name} is prepared")
    name = "localhost" if settings.server.host == "127.0.0.1" else settings.server.host
    click.echo(f"chat: http://{name}:{settings.server.port}/  (stop with Ctrl+C)")
    serve(settings, build_chat, build_night)
