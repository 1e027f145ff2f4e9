"""3_deploy: student → endpoint. `python -m lib.deploy stop` stops the servers started here."""

from lib.deploy.conversation import ask
from lib.deploy.probe import prove
from lib.deploy.roles import Deployed, deploy, show_endpoints
from lib.deploy.server import stop

__all__ = ["Deployed", "ask", "deploy", "prove", "show_endpoints", "stop"]
