"""A night of three lines for tests: claim the date, publish once, finish.

`python -m tests.scheduler.stand_in_night URL DATE PUBLISHED_FILE`; exit 3 when it is somebody
else's.
"""

import os
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from store.database import open_database
from store.nights import begin_step, claim_night, finish_night, finish_step


def main() -> None:
    url, date, published = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    owner = f"process {os.getpid()}"
    database = open_database(url)
    with database.session() as session:
        claim = claim_night(
            session,
            date,
            owner=owner,
            lease=timedelta(minutes=5),
            now=datetime.now(UTC),
            settings={},
        )
    if claim is None:
        sys.exit(3)
    with database.session() as session:
        begin_step(session, claim, "publish", 1, datetime.now(UTC))
    time.sleep(0.1)
    with published.open("a") as file:
        file.write(f"{owner}\n")
    with database.session() as session:
        finish_step(session, claim, "publish", {}, datetime.now(UTC))
        finish_night(
            session,
            claim,
            status="published",
            decision="published v2",
            adapter_id=None,
            now=datetime.now(UTC),
        )


if __name__ == "__main__":
    main()
