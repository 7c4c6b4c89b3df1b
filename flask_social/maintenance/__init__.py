"""Work on all connections at once: for the command line, and for background jobs such as those of Celery, RQ and cron.

Each function serves the application of the context that it is called in (``with app.app_context():``), and returns
counts. It reads a page of rows at a time, and may be stopped at any moment without harm: the next run goes on. Call it
with no work of your own pending: it ends the transaction of the session of the connections.
"""

from __future__ import annotations

from .removing import export_user, purge, remove_connections
from .renewing import renew_tokens, retry_revocations
from .sealing import rotate_keys

__all__ = ["export_user", "purge", "remove_connections", "renew_tokens", "retry_revocations", "rotate_keys"]
