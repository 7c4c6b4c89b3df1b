"""The application that gunicorn serves in ``test_gunicorn``; its settings come by the environment."""

from __future__ import annotations

import json
import os

from .appkit import make_kit

kit = make_kit(json.loads(os.environ["TEST_PROVIDERS"]), SQLALCHEMY_DATABASE_URI=os.environ["TEST_DATABASE"])
app = kit.app
