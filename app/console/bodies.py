"""What all bodies sent to the console have in common."""

from pydantic import BaseModel, ConfigDict


class Body(BaseModel):
    """A body that is taken as it is or refused: no unknown keys, no conversion of types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
