"""3_deploy: student → endpoint. `python -m lib.deploy stop` ends what was started here."""

from lib.deploy.playground import ask
from lib.deploy.roles import Deployed, deploy, is_configured_by_user, show_endpoints
from lib.deploy.server import Served, deploy_model, stop

__all__ = [
    "Deployed",
    "Served",
    "ask",
    "deploy",
    "deploy_model",
    "is_configured_by_user",
    "show_endpoints",
    "stop",
]
